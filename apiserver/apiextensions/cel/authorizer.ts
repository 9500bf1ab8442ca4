import type { Environment } from '@marcbachmann/cel-js';
import type { Attributes } from '../../admission/attributes.ts';
import type { ResourceAttributes } from '../../auth/attributes.ts';
import type { Authorize, Decision } from '../../auth/authorize.ts';
import type { User } from '../../auth/user.ts';

/** What is asked for, as far as it is said. */
type Check = Omit<ResourceAttributes, 'verb'> | { path: string };

/** Everything that `authorizer` can become: who asks, and for what. */
class Authorizer {
  readonly authorize: Authorize;
  readonly user: User;
  readonly seen: Attributes | undefined;
  constructor(authorize: Authorize, user: User, seen?: Attributes) {
    this.authorize = authorize;
    this.user = user;
    this.seen = seen;
  }
}

class ResourceCheck {
  readonly by: Authorizer;
  readonly what: Check;
  constructor(by: Authorizer, what: Check) {
    this.by = by;
    this.what = what;
  }
}

class Outcome {
  readonly decision: Decision;
  constructor(decision: Decision) {
    this.decision = decision;
  }
}

/** The variable `authorizer` of the one who sent a request. */
export function authorizerOf(authorize: Authorize, seen: Attributes): Authorizer {
  return new Authorizer(authorize, seen.user, seen);
}

/** `authorizer.group('').resource('pods').check('create').allowed()`. Upstream: `library/authz.go`. */
export function registerAuthorizer(environment: Environment): void {
  const [all, check, decision] = ['kubernetes.Authorizer', 'kubernetes.Check', 'kubernetes.Decision'];
  environment.registerType(all, { ctor: Authorizer, fields: { requestResource: check } });
  environment.registerType(check, { ctor: ResourceCheck, fields: {} });
  environment.registerType(decision, { ctor: Outcome, fields: {} });
  environment.registerFunction(
    `${all}.group(string): ${check}`,
    (by: Authorizer, group: string) => new ResourceCheck(by, { group, resource: '' }),
  );
  environment.registerFunction(
    `${all}.path(string): ${check}`,
    (by: Authorizer, path: string) => new ResourceCheck(by, { path }),
  );
  environment.registerFunction(
    `${all}.serviceAccount(string, string): ${all}`,
    ({ authorize, seen }: Authorizer, namespace: string, name: string) =>
      new Authorizer(authorize, accountOf(namespace, name), seen),
  );
  for (const part of ['resource', 'subresource', 'namespace', 'name'] as const) {
    environment.registerFunction(
      `${check}.${part}(string): ${check}`,
      ({ by, what }: ResourceCheck, text: string) => new ResourceCheck(by, { ...what, [part]: text }),
    );
  }
  environment.registerFunction(
    `${check}.check(string): ${decision}`,
    ({ by, what }: ResourceCheck, verb: string) => new Outcome(by.authorize(by.user, { ...what, verb })),
  );
  environment.registerFunction(`${decision}.allowed(): bool`, (one: Outcome) => one.decision.allowed);
  environment.registerFunction(`${decision}.reason(): string`, (one: Outcome) => one.decision.reason);
  environment.registerFunction(`${decision}.errored(): bool`, () => false);
  environment.registerFunction(`${decision}.error(): string`, () => '');
  Object.defineProperty(Authorizer.prototype, 'requestResource', {
    configurable: true,
    get(this: Authorizer) {
      const { resource, subresource, namespace, name } = this.seen ?? {};
      return new ResourceCheck(this, {
        group: resource?.group ?? '',
        resource: resource?.name ?? '',
        ...(subresource ? { subresource } : {}),
        ...(namespace ? { namespace } : {}),
        ...(name ? { name } : {}),
      });
    },
  });
}

function accountOf(namespace: string, name: string): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}
