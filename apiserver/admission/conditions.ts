import type { KubeObject } from '../../api/object.ts';
import type { MatchCondition } from '../../api/types.ts';
import { goWords } from '../apiextensions/cel/library.ts';
import { compilePolicy, loadPolicyCel } from '../apiextensions/cel/policy.ts';
import { celValue } from '../apiextensions/cel/values.ts';
import type { Authorize } from '../auth/authorize.ts';
import type { Lookup } from '../registry/strategy.ts';
import type { Attributes, Invocation } from './attributes.ts';
import type { EquivalentsOf } from './match.ts';
import type { FindKind } from './policies/params.ts';

/** What those work with who are asked about requests. */
export interface Around {
  lookup: Lookup;
  authorize: Authorize;
  equivalentsOf: EquivalentsOf;
  /** The row of a kind that a policy names. */
  findKind: FindKind;
  /** The request with its objects in the version of an invocation. */
  shown(attributes: Attributes, invocation: Invocation): Promise<Attributes>;
  /** What a patch made of an object of an invocation: read, defaulted, in the version of the request. */
  completed(object: KubeObject, invocation: Invocation, attributes: Attributes): Promise<KubeObject>;
}

/** What expressions see. */
export type Variables = Record<string, unknown>;

/**
 * Whether all conditions are true. One that is false settles it, whatever goes wrong in others. Upstream:
 * `admission/plugin/webhook/matchconditions`.
 *
 * @param params of a policy
 */
export async function conditionsHold(
  conditions: readonly MatchCondition[],
  seen: Attributes,
  shown: Invocation,
  around: Pick<Around, 'authorize'>,
  params?: unknown,
): Promise<{ holds: boolean; error?: string }> {
  await loadPolicyCel();
  const variables = await variablesOf(seen, shown, around, params);
  const errors: string[] = [];
  for (const { expression } of conditions) {
    const { value, error } = evaluate(expression, variables);
    if (error === undefined && value !== true) return { holds: false };
    if (error !== undefined) errors.push(error);
  }
  if (errors.length === 0) return { holds: true };
  const unique = [...new Set(errors)];
  return { holds: false, error: unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]` };
}

/** @returns what an expression gives, or in upstream's words what went wrong */
export function evaluate(expression: string, variables: Variables): { value?: unknown; error?: string } {
  const compiled = compilePolicy(expression);
  if ('problem' in compiled) return { error: `compilation error: compilation failed: ${compiled.problem}` };
  try {
    return { value: compiled.program(variables) };
  } catch (error) {
    return { error: `expression '${expression}' resulted in error: ${goWords(error)}` };
  }
}

/** Upstream: `admission/plugin/cel/condition.go`. */
export async function variablesOf(
  seen: Attributes,
  shown: Invocation,
  { authorize }: Pick<Around, 'authorize'>,
  params?: unknown,
): Promise<Variables> {
  const { authorizerOf } = await import('../apiextensions/cel/authorizer.ts');
  return {
    object: celValue(seen.object ?? null, undefined),
    oldObject: celValue(seen.old ?? null, undefined),
    request: celValue(requestOf(seen, shown), undefined),
    params: celValue(params ?? null, undefined),
    namespaceObject: null,
    variables: {},
    authorizer: authorizerOf(authorize, seen),
  };
}

/** AdmissionRequest without the objects and the uid. */
function requestOf(seen: Attributes, { kind, resource }: Invocation): object {
  const { user, subresource, options } = seen;
  const named = ({ group, version, name }: Invocation['resource']) => ({ group, version, resource: name });
  return {
    kind: { ...kind },
    resource: named(resource),
    subResource: subresource,
    requestKind: { ...seen.kind },
    requestResource: named(seen.resource),
    requestSubResource: subresource,
    name: seen.name,
    namespace: seen.namespace,
    operation: seen.operation,
    userInfo: {
      username: user.name,
      uid: user.uid ?? '',
      groups: [...user.groups],
      extra: user.extra ?? {},
    },
    dryRun: seen.dryRun,
    options: options ?? {},
  };
}
