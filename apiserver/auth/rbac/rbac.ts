import { resources } from '../../../api/scheme.ts';
import { qualified } from '../../../api/status.ts';
import type { ClusterRole, PolicyRule, Role, RoleRef } from '../../../api/types.ts';
import type { Cache } from '../../storage/cache.ts';
import type { Change } from '../../storage/change.ts';
import { isResource } from '../attributes.ts';
import type { Authorize } from '../authorize.ts';
import type { User } from '../user.ts';
import { allowedBy } from './rules.ts';
import { type Bound, createSubjectIndex, type SubjectIndex } from './subjects.ts';

/** Rules, and what kept more from being found. */
export interface RuleSet {
  rules: PolicyRule[];
  errors: string[];
  incomplete: boolean;
}

/** Role-based access control: additive rules, bound to users and groups. Upstream: `plugin/pkg/auth/authorizer/rbac`. */
export interface Rbac {
  authorize: Authorize;
  rulesFor(user: User, namespace: string | undefined): RuleSet;
  /** Rules of a role, undefined where there is none; `namespace` is the binding's own. */
  rulesOf(ref: RoleRef, namespace: string | undefined): PolicyRule[] | undefined;
}

/**
 * Answers from memory: bindings are indexed by subject when somebody first asks, and kept so by what the cache sees,
 * before the write that changed them is answered.
 */
export async function createRbac(cache: Cache): Promise<Rbac> {
  const kinds = [resources.clusterrolebindings, resources.rolebindings];
  let index: SubjectIndex | undefined;
  const follow = (changes: readonly Change[]) => {
    for (const { before, now } of changes) {
      if (before) index?.remove(before.key, before.object);
      if (now) index?.put(now.key, now.object);
    }
  };
  await Promise.all(kinds.map((kind) => cache.watch(kind, cache.revision, follow)));

  function build(): SubjectIndex {
    const built = createSubjectIndex();
    for (const kind of kinds) for (const { key, object } of cache.list(kind)) built.put(key, object);
    index = built;
    return built;
  }

  const rulesOf: Rbac['rulesOf'] = ({ kind, name }, namespace) => {
    const entry =
      kind === 'Role' ? cache.get(resources.roles, name, namespace) : cache.get(resources.clusterroles, name);
    return entry && ((entry.object as Role | ClusterRole).rules ?? []);
  };

  /** First what holds everywhere, then what holds in the namespace. */
  function* bindingsOf(user: User, namespace: string | undefined): Iterable<Bound> {
    const subjects = index ?? build();
    yield* subjects.bindingsOf(user, undefined);
    if (namespace) yield* subjects.bindingsOf(user, namespace);
  }

  return {
    rulesOf,
    authorize(user, attributes) {
      const allows = allowedBy(attributes);
      const namespace = isResource(attributes) ? attributes.namespace : undefined;
      let missing: Set<string> | undefined;
      for (const bound of bindingsOf(user, namespace)) {
        const { roleRef, metadata } = bound.binding;
        const rules = rulesOf(roleRef, metadata?.namespace);
        if (!rules) missing = (missing ?? new Set()).add(missingText(roleRef));
        else if (rules.some(allows)) return { allowed: true, reason: `RBAC: allowed by ${describe(bound)}` };
      }
      return { allowed: false, reason: missing ? `RBAC: ${joined([...missing])}` : '' };
    },
    rulesFor(user, namespace) {
      const found: RuleSet = { rules: [], errors: [], incomplete: false };
      for (const { binding } of bindingsOf(user, namespace)) {
        const rules = rulesOf(binding.roleRef, binding.metadata?.namespace);
        if (rules) found.rules.push(...rules);
        else found.errors.push(missingText(binding.roleRef));
      }
      return found;
    },
  };
}

/** Upstream's listers name the kind in the singular here. */
function missingText({ kind, name }: RoleRef): string {
  return `${qualified(resources.roles.group, kind.toLowerCase())} ${JSON.stringify(name)} not found`;
}

/** Several errors as Go's `errors.NewAggregate` writes them. */
export const joined = (texts: readonly string[]): string =>
  texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;

function describe({ binding: { metadata, roleRef }, subject }: Bound): string {
  const { name = '', namespace } = metadata ?? {};
  const [kind, title] = namespace ? ['RoleBinding', `${name}/${namespace}`] : ['ClusterRoleBinding', name];
  const home = subject.namespace || namespace || '';
  const who = subject.kind === 'ServiceAccount' ? `${subject.name}/${home}` : subject.name;
  return `${kind} ${JSON.stringify(title)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject.kind} ${JSON.stringify(who)}`;
}
