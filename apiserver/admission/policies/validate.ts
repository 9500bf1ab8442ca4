import { resources } from '../../../api/scheme.ts';
import { StatusError } from '../../../api/status.ts';
import type {
  MatchResources,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicyBindingSpec,
} from '../../../api/types.ts';
import { forbidden } from '../../registry/pipeline/failures.ts';
import type { Attributes, Invocation, Said } from '../attributes.ts';
import type { Around } from '../conditions.ts';
import { invocationOf } from '../match.ts';
import { type Denial, evaluatePolicy } from './evaluate.ts';
import { collectParams } from './params.ts';

interface Refusal extends Denial {
  policy: string;
  binding?: string;
}

/** Of one annotation. */
const longestValue = 10 * 1024;

/**
 * Has all policies that are bound look at a request. Upstream: `admission/plugin/policy/validating/dispatcher.go`.
 * @throws StatusError of the first that refuses
 */
export async function validateByPolicies(attributes: Attributes, around: Around, said: Said): Promise<void> {
  const { lookup } = around;
  const bindings = [
    ...lookup.list<ValidatingAdmissionPolicyBinding>(resources.validatingadmissionpolicybindings),
  ];
  const names = [...new Set(bindings.map(({ spec }) => spec?.policyName ?? ''))].sort();
  const refusals: Refusal[] = [];
  for (const name of names) {
    const policy = lookup.get<ValidatingAdmissionPolicy>(resources.validatingadmissionpolicies, name);
    if (!policy) continue;
    const shown = matched(policy.spec?.matchConstraints, attributes, around);
    if (!shown) continue;
    const own = bindings.filter(({ spec }) => spec?.policyName === name);
    refusals.push(...(await validateByPolicy(name, policy, own, shown, attributes, around, said)));
  }
  const [first] = refusals;
  if (first) throw refusal(first, attributes);
}

async function validateByPolicy(
  name: string,
  policy: ValidatingAdmissionPolicy,
  bindings: readonly ValidatingAdmissionPolicyBinding[],
  shown: Invocation,
  attributes: Attributes,
  around: Around,
  said: Said,
): Promise<Refusal[]> {
  const seen = await around.shown(attributes, shown);
  const refusals: Refusal[] = [];
  const annotations = new Map<string, string[]>();
  const place = attributes.resource === resources.namespaces ? '' : attributes.namespace;
  const namespace = place ? around.lookup.get(resources.namespaces, place) : undefined;
  for (const { metadata, spec: bound } of bindings) {
    const spec: ValidatingAdmissionPolicyBindingSpec = bound ?? {};
    const binding = metadata?.name ?? '';
    if (spec.matchResources && !matched(spec.matchResources, attributes, around)) continue;
    let params: ReturnType<typeof collectParams>;
    try {
      const { paramKind } = policy.spec ?? {};
      params = collectParams(paramKind, spec.paramRef, attributes.namespace, around.findKind, around.lookup);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (policy.spec?.failurePolicy !== 'Ignore')
        refusals.push({ policy: name, binding, message: `failed to configure binding: ${why}` });
      continue;
    }
    const actions = spec.validationActions ?? [];
    for (const param of params) {
      const evaluated = await evaluatePolicy(policy, seen, shown, param, namespace, around);
      for (const denial of evaluated.denials) {
        const { message, index = 0 } = denial;
        if (actions.includes('Deny')) refusals.push({ ...denial, policy: name, binding });
        if (actions.includes('Warn'))
          said.warn(
            `Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${binding}': ${message}`,
          );
        if (actions.includes('Audit')) {
          const failure = {
            message,
            ...{ policy: name, binding, expressionIndex: index, validationActions: actions },
          };
          const key = 'validation.policy.admission.k8s.io/validation_failure';
          said.annotate(key, JSON.stringify([failure]));
        }
      }
      refusals.push(...evaluated.failures.map((failure) => ({ ...failure, policy: name, binding })));
      for (const [key, value] of evaluated.annotations) {
        const values = annotations.get(key) ?? [];
        if (!values.includes(value)) annotations.set(key, [...values, value.slice(0, longestValue)]);
      }
    }
  }
  for (const [key, values] of annotations) said.annotate(`${name}/${key}`, values.join(', '));
  return refusals;
}

const everything = [
  { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*', '*/*'], scope: '*' },
];

/** Upstream: `admission/plugin/policy/matching`. A binding without rules is about all that its policy is about. */
function matched(
  match: MatchResources | undefined,
  attributes: Attributes,
  around: Around,
): Invocation | undefined {
  const { resourceRules = [], excludeResourceRules = [] } = match ?? {};
  return invocationOf(
    {
      rules: resourceRules.length > 0 ? resourceRules : everything,
      excluded: excludeResourceRules,
      namespaceSelector: match?.namespaceSelector,
      objectSelector: match?.objectSelector,
      matchPolicy: match?.matchPolicy,
    },
    attributes,
    around.equivalentsOf,
    around.lookup,
  );
}

const codes: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  RequestEntityTooLarge: 413,
};

function refusal({ policy, binding, message, reason = 'Invalid' }: Refusal, seen: Attributes): StatusError {
  const by = binding ? `'${policy}' with binding '${binding}'` : `'${policy}'`;
  const text = `ValidatingAdmissionPolicy ${by} denied request: ${message}`;
  const { name, generateName } = seen.object?.metadata ?? {};
  const { status } = forbidden(seen.resource, seen.name || name || generateName || '', text);
  const causes = [{ message: text }];
  return new StatusError({
    ...status,
    reason,
    code: codes[reason] ?? 422,
    details: { ...status.details, causes },
  });
}
