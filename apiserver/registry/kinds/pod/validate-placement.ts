import type {
  NodeAffinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  PodSpec,
  TopologySpreadConstraint,
} from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dnsLabel, dnsSubdomain, labelValue, qualifiedName } from '../validation/names.ts';
import { validateSelector } from '../validation/selectors.ts';

const hard = 'requiredDuringSchedulingIgnoredDuringExecution';
const soft = 'preferredDuringSchedulingIgnoredDuringExecution';
const positive = 'must be greater than zero';

/** What says where a pod may run, and when. Upstream: `ValidatePodSpec` in `pkg/apis/core/validation/validation.go`. */
export function validatePlacement(path: string, spec: PodSpec): FieldError[] {
  const { affinity = {}, topologySpreadConstraints: constraints = [], readinessGates = [] } = spec;
  const { schedulingGates = [], priorityClassName, preemptionPolicy, runtimeClassName, os } = spec;
  const errors = [
    ...validateNodeAffinity(`${path}.affinity.nodeAffinity`, affinity.nodeAffinity),
    ...validatePodAffinity(`${path}.affinity.podAffinity`, affinity.podAffinity),
    ...validatePodAffinity(`${path}.affinity.podAntiAffinity`, affinity.podAntiAffinity),
    ...constraints.flatMap((one, index) =>
      validateConstraint(`${path}.topologySpreadConstraints[${index}]`, one, constraints.slice(index + 1)),
    ),
    ...readinessGates.flatMap(({ conditionType: type }, index) =>
      invalidEach(`${path}.readinessGates[${index}].conditionType`, type, qualifiedName(type)),
    ),
  ];
  for (const [index, { name }] of schedulingGates.entries()) {
    const field = `${path}.schedulingGates[${index}]`;
    errors.push(...invalidEach(field, name, qualifiedName(name)));
    if (schedulingGates.findIndex((one) => one.name === name) < index) errors.push(duplicate(field, name));
  }
  for (const [part, name] of Object.entries({ priorityClassName, runtimeClassName })) {
    if (name) errors.push(...invalidEach(`${path}.${part}`, name, dnsSubdomain(name)));
  }
  const policies = ['Never', 'PreemptLowerPriority'];
  if (preemptionPolicy && !policies.includes(preemptionPolicy)) {
    errors.push(notSupported(`${path}.preemptionPolicy`, preemptionPolicy, policies));
  }
  if (os && !os.name) errors.push(required(`${path}.os.name`, 'cannot be empty'));
  else if (os && !['linux', 'windows'].includes(os.name)) {
    errors.push(notSupported(`${path}.os`, os.name, ['linux', 'windows']));
  }
  return errors;
}

function validateNodeAffinity(path: string, affinity: NodeAffinity = {}): FieldError[] {
  const errors: FieldError[] = [];
  const selector = affinity[hard];
  if (selector) {
    const field = `${path}.${hard}.nodeSelectorTerms`;
    const { nodeSelectorTerms: terms = [] } = selector;
    if (terms.length === 0) errors.push(required(field, 'must have at least one node selector term'));
    errors.push(...terms.flatMap((term, index) => validateNodeTerm(`${field}[${index}]`, term)));
  }
  for (const [index, { weight, preference }] of (affinity[soft] ?? []).entries()) {
    const field = `${path}.${soft}[${index}]`;
    errors.push(...validateWeight(field, weight), ...validateNodeTerm(`${field}.preference`, preference));
  }
  return errors;
}

function validateWeight(field: string, weight: number): FieldError[] {
  return weight > 0 && weight <= 100
    ? []
    : [invalid(`${field}.weight`, weight ?? 0, 'must be in the range 1-100')];
}

/** Upstream: `ValidateNodeSelectorTerm`; volumes say so where they can be reached from. */
export function validateNodeTerm(path: string, term: NodeSelectorTerm = {}): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((one, index) =>
      validateExpression(`${path}.matchExpressions[${index}]`, one),
    ),
    ...(term.matchFields ?? []).flatMap((one, index) =>
      validateNodeField(`${path}.matchFields[${index}]`, one),
    ),
  ];
}

function validateExpression(
  field: string,
  { key = '', operator, values = [] }: NodeSelectorRequirement,
): FieldError[] {
  const errors: FieldError[] = [];
  const at = `${field}.values`;
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      errors.push(required(at, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      errors.push(forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    }
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1) {
      errors.push(required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
    }
  } else errors.push(invalid(`${field}.operator`, operator ?? '', 'not a valid selector operator'));
  return [
    ...errors,
    ...invalidEach(`${field}.key`, key, qualifiedName(key)),
    ...values.flatMap((value, index) => invalidEach(`${at}[${index}]`, value, labelValue(value))),
  ];
}

function validateNodeField(field: string, { key, operator, values = [] }: NodeSelectorRequirement) {
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(invalid(`${field}.operator`, operator ?? '', 'not a valid selector operator'));
  } else if (values.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(required(`${field}.values`, detail));
  }
  if (key !== 'metadata.name') {
    return [...errors, invalid(`${field}.key`, key ?? '', 'not a valid field selector key')];
  }
  return [
    ...errors,
    ...values.flatMap((value, index) => invalidEach(`${field}.values[${index}]`, value, dnsSubdomain(value))),
  ];
}

function validatePodAffinity(path: string, affinity: PodAffinity = {}): FieldError[] {
  return [
    ...(affinity[hard] ?? []).flatMap((term, index) => validatePodTerm(`${path}.${hard}[${index}]`, term)),
    ...(affinity[soft] ?? []).flatMap(({ weight, podAffinityTerm }, index) => {
      const field = `${path}.${soft}[${index}]`;
      return [
        ...validateWeight(field, weight),
        ...validatePodTerm(`${field}.podAffinityTerm`, podAffinityTerm),
      ];
    }),
  ];
}

function validatePodTerm(field: string, term: Partial<PodAffinityTerm> = {}): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey = '' } = term;
  const errors = [
    ...validateSelector(`${field}.labelSelector`, labelSelector),
    ...validateSelector(`${field}.namespaceSelector`, namespaceSelector),
    ...namespaces.flatMap((name) => invalidEach(`${field}.namespace`, name, dnsLabel(name))),
    ...(topologyKey ? [] : [required(`${field}.topologyKey`, 'can not be empty')]),
    ...invalidEach(`${field}.topologyKey`, topologyKey, qualifiedName(topologyKey)),
  ];
  for (const part of ['matchLabelKeys', 'mismatchLabelKeys'] as const) {
    const keys = term[part] ?? [];
    if (keys.length === 0) continue;
    if (!labelSelector) {
      const detail = 'must not be specified when labelSelector is not set';
      errors.push(forbidden(`${field}.${part}`, detail));
    }
    for (const [index, key] of keys.entries()) {
      errors.push(...invalidEach(`${field}.${part}[${index}]`, key, qualifiedName(key)));
    }
  }
  return errors;
}

function validateConstraint(
  field: string,
  constraint: TopologySpreadConstraint,
  others: readonly TopologySpreadConstraint[],
): FieldError[] {
  const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector } = constraint;
  const { matchLabelKeys = [] } = constraint;
  const errors: FieldError[] = [];
  if (!(maxSkew > 0)) errors.push(invalid(`${field}.maxSkew`, maxSkew ?? 0, positive));
  if (!topologyKey) errors.push(required(`${field}.topologyKey`, 'can not be empty'));
  const actions = ['DoNotSchedule', 'ScheduleAnyway'];
  if (!actions.includes(whenUnsatisfiable)) {
    errors.push(notSupported(`${field}.whenUnsatisfiable`, whenUnsatisfiable ?? '', actions));
  }
  const isSame = (one: TopologySpreadConstraint) =>
    one.topologyKey === topologyKey && one.whenUnsatisfiable === whenUnsatisfiable;
  if (others.some(isSame)) {
    const pair = `{${topologyKey}, ${whenUnsatisfiable}}`;
    errors.push(duplicate(`${field}.{topologyKey, whenUnsatisfiable}`, pair));
  }
  if (minDomains !== undefined && minDomains <= 0) {
    errors.push(invalid(`${field}.minDomains`, minDomains, positive));
  }
  if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') {
    const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
    errors.push(invalid(`${field}.minDomains`, minDomains, detail));
  }
  for (const part of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
    const policy = constraint[part];
    if (policy === undefined || policy === 'Honor' || policy === 'Ignore') continue;
    errors.push(notSupported(`${field}.${part}`, policy, ['Honor', 'Ignore']));
  }
  if (matchLabelKeys.length > 0 && !labelSelector) {
    const detail = 'must not be specified when labelSelector is not set';
    errors.push(forbidden(`${field}.matchLabelKeys`, detail));
  }
  for (const [index, key] of matchLabelKeys.entries()) {
    const at = `${field}.matchLabelKeys[${index}]`;
    errors.push(...invalidEach(at, key, qualifiedName(key)));
    const isThere =
      labelSelector?.matchLabels?.[key] !== undefined ||
      labelSelector?.matchExpressions?.some((one) => one.key === key);
    if (isThere) errors.push(invalid(at, key, 'exists in both matchLabelKeys and labelSelector'));
  }
  return [...errors, ...validateSelector(`${field}.labelSelector`, labelSelector)];
}
