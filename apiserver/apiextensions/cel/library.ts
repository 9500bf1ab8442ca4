import type { Environment, Optional } from '@marcbachmann/cel-js';
import type { JSONSchemaProps } from '../../../api/types.ts';
import { someSchema } from '../schema/schema.ts';

/** A rule that was compiled: evaluates to a value of CEL. Throws for what goes wrong on the way. */
export type Program = (variables: Record<string, unknown>) => unknown;

export type Compiled = { program: Program; type: string } | { problem: string };

let environment: Environment | undefined;
/** Where `oldSelf` may be missing. */
let withOptional: Environment | undefined;
let optionals: typeof Optional | undefined;
const programs = new Map<string, Compiled>();
/** Rules of definitions that are gone are compiled again when they come back. */
const mostPrograms = 5_000;

export function hasRules(schema: JSONSchemaProps | undefined): boolean {
  return someSchema(schema, (one) => (one['x-kubernetes-validations']?.length ?? 0) > 0);
}

/** Loads the language, with what Kubernetes adds to it. */
export async function loadCel(): Promise<void> {
  if (environment) return;
  const [{ Environment, Optional }, { registerLibraries }] = await Promise.all([
    import('@marcbachmann/cel-js'),
    import('./libraries.ts'),
  ]);
  const made = new Environment({
    unlistedVariablesAreDyn: true,
    enableOptionalTypes: true,
    // Upstream lets the arguments of `format` alone differ, which cannot be said here.
    homogeneousAggregateLiterals: false,
  });
  registerLibraries(made);
  withOptional = made.clone().registerVariable('oldSelf', 'optional<dyn>');
  environment = made;
  optionals = Optional;
}

/** A value of CEL that may be missing. After {@link loadCel}. */
export function optional(value: unknown): unknown {
  return value === undefined ? optionals?.none() : optionals?.of(value);
}

/** After {@link loadCel}. What does not compile says why in one line. */
export function compile(expression: string, optionalOldSelf = false): Compiled {
  const key = optionalOldSelf ? `?${expression}` : expression;
  const known = programs.get(key);
  if (known) return known;
  const language = optionalOldSelf ? withOptional : environment;
  if (!language) throw new Error('CEL was not loaded');
  const compiled = compileIn(language, expression);
  if (programs.size > mostPrograms) programs.clear();
  programs.set(key, compiled);
  return compiled;
}

export function compileIn(environment: Environment, expression: string): Compiled {
  try {
    const parsed = environment.parse(expression);
    const { valid, type, error } = parsed.check();
    if (!valid) return { problem: goWords(error) };
    return { program: (variables) => parsed(variables), type: type ?? 'dyn' };
  } catch (error) {
    return { problem: goWords(error) };
  }
}

/** What went wrong in an expression, as cel-go says it. */
export function goWords(error: unknown): string {
  return firstLine(error)
    .replace(/^No such key/, 'no such key')
    .replace(/^Unknown variable: (\w+)/, "undeclared reference to '$1' (in container '')");
}

export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? '';
}
