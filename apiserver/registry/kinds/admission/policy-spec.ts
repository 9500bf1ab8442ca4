import type {
  AuditAnnotation,
  ParamKind,
  ValidatingAdmissionPolicySpec,
  Validation,
  Variable,
} from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dns1035Label, dnsSubdomain, qualifiedName } from '../validation/names.ts';
import { conditionErrors, expressionErrors } from './expressions.ts';

const mostAnnotations = 20;
const longestValueExpression = 5 * 1024;

/** Checks what a policy evaluates. Upstream: `validateValidatingAdmissionPolicySpec`. */
export function policyErrors(name: string, spec: ValidatingAdmissionPolicySpec): FieldError[] {
  const { paramKind, matchConditions, variables = [], validations = [], auditAnnotations = [] } = spec;
  const errors = [
    ...(paramKind ? paramKindErrors('spec.paramKind', paramKind) : []),
    ...conditionErrors('spec.matchConditions', matchConditions),
    ...variables.flatMap((one, index) => variableErrors(`spec.variables[${index}]`, one)),
  ];
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item';
    return [...errors, required('spec.validations', detail), required('spec.auditAnnotations', detail)];
  }
  errors.push(
    ...validations.flatMap((one, index) => validationErrors(`spec.validations[${index}]`, one)),
    ...annotationErrors(name, auditAnnotations),
  );
  return errors;
}

function paramKindErrors(field: string, { apiVersion = '', kind = '' }: ParamKind): FieldError[] {
  const parts = apiVersion.split('/');
  const [group, version] = parts.length === 2 ? parts : ['', apiVersion];
  const at = `${field}.apiVersion`;
  const errors: FieldError[] = [];
  if (!apiVersion) errors.push(required(at));
  else if (parts.length > 2)
    errors.push(invalid(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  else {
    if (group) errors.push(...joined(at, group, dnsSubdomain(group)));
    if (!version) errors.push(invalid(at, apiVersion, 'version must be specified'));
    else errors.push(...joined(at, version, dns1035Label(version)));
  }
  if (!kind) return [...errors, required(`${field}.kind`)];
  const problems = dns1035Label(kind.toLowerCase());
  if (problems.length === 0) return errors;
  const detail = `may have mixed case, but should otherwise match: ${problems.join(',')}`;
  return [...errors, invalid(`${field}.kind`, kind, detail)];
}

const joined = (field: string, value: string, problems: readonly string[]) =>
  problems.length > 0 ? [invalid(field, value, problems.join(','))] : [];

const reserved = [
  ...['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if'],
  ...['import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while'],
];

function variableErrors(field: string, { name, expression }: Variable): FieldError[] {
  const errors: FieldError[] = [];
  if (!name?.trim()) errors.push(required(`${field}.name`, 'name is not specified'));
  else if (!/^[_A-Za-z]\w*$/.test(name) || reserved.includes(name))
    errors.push(invalid(`${field}.name`, name, 'name is not a valid CEL identifier'));
  if (!expression?.trim()) errors.push(required(`${field}.expression`, 'expression is not specified'));
  else errors.push(...expressionErrors(`${field}.expression`, expression, undefined));
  return errors;
}

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];

function validationErrors(field: string, validation: Validation): FieldError[] {
  const { expression, message, messageExpression, reason } = validation;
  const errors = expression?.trim()
    ? expressionErrors(`${field}.expression`, expression, ['bool'])
    : [required(`${field}.expression`, 'expression is not specified')];
  if (messageExpression && !messageExpression.trim()) {
    errors.push(invalid(`${field}.messageExpression`, messageExpression, 'must be non-empty if specified'));
  } else if (messageExpression) {
    errors.push(...expressionErrors(`${field}.messageExpression`, messageExpression, ['string']));
  }
  if (message && !message.trim())
    errors.push(invalid(`${field}.message`, message, 'message must be non-empty if specified'));
  else if (message?.trim().includes('\n'))
    errors.push(invalid(`${field}.message`, message, 'message must not contain line breaks'));
  if (reason !== undefined && !reasons.includes(reason))
    errors.push(notSupported(`${field}.reason`, reason, reasons));
  return errors;
}

/** Upstream: `validateAuditAnnotation`. */
function annotationErrors(policy: string, annotations: readonly AuditAnnotation[]): FieldError[] {
  const field = 'spec.auditAnnotations';
  const errors: FieldError[] = [];
  if (annotations.length > mostAnnotations) {
    errors.push(invalid(field, annotations, `must not have more than ${mostAnnotations} auditAnnotations`));
  }
  const keys = new Set<string>();
  for (const [index, { key, valueExpression }] of annotations.entries()) {
    const at = `${field}[${index}]`;
    if (!key) errors.push(required(`${at}.key`));
    else errors.push(...invalidEach(`${at}.key`, key, qualifiedName(policy ? `${policy}/${key}` : key)));
    if (!valueExpression?.trim())
      errors.push(required(`${at}.valueExpression`, 'valueExpression is not specified'));
    else if (valueExpression.trim().length > longestValueExpression)
      errors.push(
        required(`${at}.valueExpression`, `must not exceed ${longestValueExpression} bytes in length`),
      );
    else errors.push(...expressionErrors(`${at}.valueExpression`, valueExpression, ['string', 'null']));
    if (keys.has(key)) errors.push(duplicate(`${at}.key`, key));
    keys.add(key);
  }
  return errors;
}
