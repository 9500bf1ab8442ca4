import type { AuditAnnotation, ValidatingAdmissionPolicy, Validation, Variable } from '../../../api/types.ts';
import { loadPolicyCel } from '../../apiextensions/cel/policy.ts';
import { celValue } from '../../apiextensions/cel/values.ts';
import type { Attributes, Invocation } from '../attributes.ts';
import { type Around, conditionsHold, evaluate, type Variables, variablesOf } from '../conditions.ts';

/** Why a policy refuses. */
export interface Denial {
  message: string;
  /** Of the Status; absent: Invalid. */
  reason?: string;
  /** Which of the validations; absent where something failed besides. */
  index?: number;
}

export interface Evaluated {
  denials: Denial[];
  /** What went wrong with annotations: refused whatever the actions of the binding. */
  failures: Denial[];
  annotations: [key: string, value: string][];
}

/** Bytes. Upstream: `MaxEvaluatedMessageExpressionSizeBytes`. */
const longestMessage = 5 * 1024;

/**
 * Evaluates a policy for one request with one set of parameters. Upstream: `policy/validating/validator.go`.
 *
 * @param namespace the Namespace in which the object lies, or undefined
 */
export async function evaluatePolicy(
  { spec = {} }: ValidatingAdmissionPolicy,
  seen: Attributes,
  shown: Invocation,
  params: unknown,
  namespace: unknown,
  around: Pick<Around, 'authorize'>,
): Promise<Evaluated> {
  await loadPolicyCel();
  const ignores = spec.failurePolicy === 'Ignore';
  const failed = (message: string, index?: number): Denial[] =>
    ignores ? [] : [{ message, ...(index === undefined ? {} : { index }) }];
  if (spec.matchConditions?.length) {
    const held = await conditionsHold(spec.matchConditions, seen, shown, around, params);
    if (!held.holds) {
      return { denials: held.error ? failed(held.error) : [], failures: [], annotations: [] };
    }
  }
  const variables = await variablesOf(seen, shown, around, params);
  variables.namespaceObject = celValue(namespace ?? null, undefined);
  variables.variables = composed(spec.variables ?? [], variables);
  const denials = (spec.validations ?? []).flatMap((validation, index) => {
    const { value, error } = evaluate(validation.expression, variables);
    if (error !== undefined) return failed(error, index);
    if (value === true) return [];
    const { reason } = validation;
    return [{ message: messageOf(validation, variables), index, ...(reason ? { reason } : {}) }];
  });
  const { annotations, failures } = annotate(spec.auditAnnotations ?? [], variables);
  return { denials, annotations, failures: ignores ? [] : failures };
}

/** Variables are worked out when somebody asks for them, and once. */
function composed(definitions: readonly Variable[], variables: Variables): object {
  const values: Record<string, unknown> = {};
  for (const { name, expression } of definitions) {
    let known: { value: unknown } | undefined;
    Object.defineProperty(values, name, {
      enumerable: true,
      get() {
        if (known) return known.value;
        const { value, error } = evaluate(expression, variables);
        if (error !== undefined) {
          throw new Error(`composited variable ${JSON.stringify(name)} fails to evaluate: ${error}`);
        }
        known = { value };
        return value;
      },
    });
  }
  return values;
}

function messageOf({ expression, message, messageExpression }: Validation, variables: Variables): string {
  if (messageExpression) {
    const { value } = evaluate(messageExpression, variables);
    const text = typeof value === 'string' ? value.trim() : '';
    if (text && Buffer.byteLength(text) <= longestMessage && !text.includes('\n')) return text;
  }
  return message?.trim() || `failed expression: ${expression.trim()}`;
}

function annotate(
  definitions: readonly AuditAnnotation[],
  variables: Variables,
): Pick<Evaluated, 'annotations' | 'failures'> {
  const annotations: [string, string][] = [];
  const failures: Denial[] = [];
  for (const { key, valueExpression } of definitions) {
    const { value, error } = evaluate(valueExpression, variables);
    if (error !== undefined) failures.push({ message: error });
    else if (typeof value === 'string') {
      if (value.trim()) annotations.push([key, value.trim()]);
    } else if (value !== null) {
      const message = `valueExpression '${valueExpression}' resulted in unsupported return type: ${typeof value}. Return type must be either string or null.`;
      failures.push({ message });
    }
  }
  return { annotations, failures };
}
