import { resources } from '../../../../api/scheme.ts';
import type {
  MatchResources,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { pathSegment } from '../validation/names.ts';
import { isSameValue } from '../validation/same.ts';
import { validateSelector } from '../validation/selectors.ts';
import { loadExpressions } from './expressions.ts';
import { policyErrors } from './policy-spec.ts';
import { validateRules } from './rules.ts';

/** Upstream: `ValidateValidatingAdmissionPolicy`. */
export const validatingAdmissionPolicyStrategy: Strategy<ValidatingAdmissionPolicy> = {
  resource: resources.validatingadmissionpolicies,
  ready: loadExpressions,
  defaults({ spec }) {
    if (!spec) return;
    spec.failurePolicy ||= 'Fail';
    setMatchDefaults(spec.matchConstraints);
  },
  prepare(policy, old) {
    const { metadata: before, spec } = old ?? {};
    const same = old !== undefined && isSameValue(policy.spec, spec);
    const observedGeneration = (before?.generation ?? 0) + (same ? 0 : 1);
    // What expressions name is not checked against types, so nothing is found in them.
    policy.status = { ...old?.status, observedGeneration, typeChecking: {} };
  },
  validate({ metadata, spec = {} }) {
    const { failurePolicy = 'Fail', matchConstraints } = spec;
    const errors: FieldError[] = [];
    const policies = ['Fail', 'Ignore'];
    if (!policies.includes(failurePolicy)) {
      errors.push(notSupported('spec.failurePolicy', failurePolicy, policies));
    }
    if (!matchConstraints) errors.push(required('spec.matchConstraints'));
    else {
      errors.push(...validateMatch('spec.matchConstraints', matchConstraints));
      if (!matchConstraints.resourceRules?.length) {
        errors.push(required('spec.matchConstraints.resourceRules'));
      }
    }
    return [...errors, ...policyErrors(metadata?.name ?? '', spec)];
  },
  columns: [
    nameColumn,
    column('Validations', 'How many it has.', ({ spec }) => spec?.validations?.length ?? 0, 'integer'),
    column('ParamKind', 'The kind of its parameters.', ({ spec }) =>
      spec?.paramKind ? `${spec.paramKind.apiVersion}/${spec.paramKind.kind}` : '<unset>',
    ),
    ageColumn,
  ],
};

/** Upstream: `ValidateValidatingAdmissionPolicyBinding`. */
export const validatingAdmissionPolicyBindingStrategy: Strategy<ValidatingAdmissionPolicyBinding> = {
  resource: resources.validatingadmissionpolicybindings,
  defaults: ({ spec }) => setMatchDefaults(spec?.matchResources),
  validate({ spec = {} }) {
    const { policyName, paramRef, validationActions = [], matchResources } = spec;
    const errors = policyName ? [] : [required('spec.policyName')];
    const field = 'spec.validationActions';
    const actions = ['Audit', 'Deny', 'Warn'];
    if (validationActions.length === 0)
      errors.push(required(field, 'at least one validation action is required'));
    for (const [index, action] of validationActions.entries()) {
      if (!actions.includes(action)) errors.push(notSupported(`${field}[${index}]`, action, actions));
      if (validationActions.indexOf(action) < index) errors.push(duplicate(`${field}[${index}]`, action));
    }
    if (validationActions.includes('Deny') && validationActions.includes('Warn')) {
      errors.push(
        invalid(
          field,
          validationActions,
          'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
        ),
      );
    }
    if (paramRef) errors.push(...validateParamRef('spec.paramRef', paramRef));
    if (matchResources) errors.push(...validateMatch('spec.matchResources', matchResources));
    return errors;
  },
  columns: [
    nameColumn,
    column('PolicyName', 'The policy.', ({ spec }) => spec?.policyName ?? ''),
    column('ParamRef', 'Its parameters.', ({ spec }) => {
      const { namespace, name, selector } = spec?.paramRef ?? {};
      if (selector) return '<selector>';
      return name ? `${namespace || '*'}/${name}` : '<unset>';
    }),
    ageColumn,
  ],
};

/** Upstream: `validateParamRef`. */
function validateParamRef(
  field: string,
  { name, selector, parameterNotFoundAction }: ParamRef,
): FieldError[] {
  const errors: FieldError[] = [];
  if (name) {
    errors.push(...invalidEach(`${field}.name`, name, pathSegment(name)));
    if (selector) errors.push(forbidden(`${field}.name`, 'name and selector are mutually exclusive'));
  }
  if (selector) errors.push(...validateSelector(`${field}.selector`, selector));
  if (!name && !selector) errors.push(required(field, 'one of name or selector must be specified'));
  const actions = ['Deny', 'Allow'];
  const at = `${field}.parameterNotFoundAction`;
  if (!parameterNotFoundAction) errors.push(required(at));
  else if (!actions.includes(parameterNotFoundAction))
    errors.push(notSupported(at, parameterNotFoundAction, actions));
  return errors;
}

function setMatchDefaults(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ||= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) {
    rule.scope ||= '*';
  }
}

function validateMatch(field: string, match: MatchResources): FieldError[] {
  const { matchPolicy = 'Equivalent', resourceRules = [], excludeResourceRules = [] } = match;
  const policies = ['Equivalent', 'Exact'];
  return [
    ...(policies.includes(matchPolicy) ? [] : [notSupported(`${field}.matchPolicy`, matchPolicy, policies)]),
    ...validateSelector(`${field}.namespaceSelector`, match.namespaceSelector),
    ...validateSelector(`${field}.objectSelector`, match.objectSelector),
    ...validateRules(`${field}.resourceRules`, resourceRules),
    ...validateRules(`${field}.excludeResourceRules`, excludeResourceRules),
  ];
}
