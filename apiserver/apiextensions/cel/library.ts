import type { Environment } from '@marcbachmann/cel-js';
import type { JSONSchemaProps } from '../../../api/types.ts';
import { someSchema } from '../schema/schema.ts';

/** A rule that was compiled: evaluates to a value of CEL. Throws for what goes wrong on the way. */
export type Program = (variables: Record<string, unknown>) => unknown;

export type Compiled = { program: Program; type: string } | { problem: string };

let environment: Environment | undefined;
const programs = new Map<string, Compiled>();
/** Rules of definitions that are gone are compiled again when they come back. */
const mostPrograms = 5_000;

export function hasRules(schema: JSONSchemaProps | undefined): boolean {
  return someSchema(schema, (one) => (one['x-kubernetes-validations']?.length ?? 0) > 0);
}

/**
 * Loads the language, with what Kubernetes adds to lists and texts that is here: `isSorted`, `sum`, `min`, `max`, `find`,
 * `findAll`, `replace`. Upstream: `apiserver/pkg/cel/library`.
 */
export async function loadCel(): Promise<void> {
  if (environment) return;
  const { Environment } = await import('@marcbachmann/cel-js');
  const made = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true });
  made.registerFunction('list.isSorted(): bool', (list: Ordered[]) =>
    list.every((item, at) => at === 0 || (list[at - 1] ?? item) <= item),
  );
  made.registerFunction('list.sum(): dyn', (list: (bigint | number)[]) =>
    list.some((item) => typeof item === 'number')
      ? list.reduce((sum: number, item) => sum + Number(item), 0)
      : list.reduce((sum: bigint, item) => sum + BigInt(item), 0n),
  );
  made.registerFunction('list.min(): dyn', (list: Ordered[]) => extreme(list, (a, b) => a < b));
  made.registerFunction('list.max(): dyn', (list: Ordered[]) => extreme(list, (a, b) => a > b));
  made.registerFunction(
    'string.find(string): string',
    (text: string, pattern: string) => new RegExp(pattern, 'u').exec(text)?.[0] ?? '',
  );
  made.registerFunction('string.findAll(string): list', (text: string, pattern: string) =>
    [...text.matchAll(new RegExp(pattern, 'gu'))].map(([found]) => found),
  );
  made.registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
    text.replaceAll(from, () => to),
  );
  environment = made;
}

type Ordered = bigint | number | string;

function extreme(list: readonly Ordered[], better: (a: Ordered, b: Ordered) => boolean): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error('the list is empty');
  return rest.reduce((best, item) => (better(item, best) ? item : best), first);
}

/** After {@link loadCel}. What does not compile says why in one line. */
export function compile(expression: string): Compiled {
  const known = programs.get(expression);
  if (known) return known;
  if (!environment) throw new Error('CEL was not loaded');
  const compiled = compileIn(environment, expression);
  if (programs.size > mostPrograms) programs.clear();
  programs.set(expression, compiled);
  return compiled;
}

function compileIn(environment: Environment, expression: string): Compiled {
  try {
    const parsed = environment.parse(expression);
    const { valid, type, error } = parsed.check();
    if (!valid) return { problem: firstLine(error) };
    return { program: (variables) => parsed(variables), type: type ?? 'dyn' };
  } catch (error) {
    return { problem: firstLine(error) };
  }
}

export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? '';
}
