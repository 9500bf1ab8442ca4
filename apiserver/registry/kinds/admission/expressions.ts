import type { MatchCondition } from '../../../../api/types.ts';
import type { Compiled } from '../../../apiextensions/cel/library.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, invalid, invalidEach, required, tooMany } from '../validation/field.ts';
import { qualifiedName } from '../validation/names.ts';

/** What compiles expressions, once they are loaded that speak the language. */
let compile: ((expression: string) => Compiled) | undefined;

/** Waited for before {@link expressionErrors}: nothing is loaded as long as nobody writes expressions. */
export async function loadExpressions(): Promise<void> {
  if (compile) return;
  const { compilePolicy, loadPolicyCel } = await import('../../../apiextensions/cel/policy.ts');
  await loadPolicyCel();
  compile = compilePolicy;
}

/** @param types that the expression may give: `bool`; absent: any */
export function expressionErrors(
  field: string,
  expression: string | undefined,
  types: readonly string[] | undefined,
): FieldError[] {
  if (!expression?.trim()) return [required(field)];
  const compiled = compile?.(expression.trim());
  if (!compiled) return [];
  if ('problem' in compiled) return [invalid(field, expression, `compilation failed: ${compiled.problem}`)];
  if (!types || compiled.type === 'dyn' || types.includes(compiled.type)) return [];
  const wanted = types.length === 1 ? types[0] : `one of ${types.join(', ')}`;
  return [invalid(field, expression, `must evaluate to ${wanted}`)];
}

const mostConditions = 64;

/** Upstream: `validateMatchConditions`. */
export function conditionErrors(field: string, conditions: readonly MatchCondition[] = []): FieldError[] {
  if (conditions.length > mostConditions) return [tooMany(field, conditions.length, mostConditions)];
  const names = new Set<string>();
  return conditions.flatMap(({ name, expression }, index) => {
    const at = `${field}[${index}]`;
    const errors = name ? invalidEach(`${at}.name`, name, qualifiedName(name)) : [required(`${at}.name`)];
    if (name && names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    return [...expressionErrors(`${at}.expression`, expression, ['bool']), ...errors];
  });
}
