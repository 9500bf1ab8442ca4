import type { Environment } from '@marcbachmann/cel-js';
import { type Compiled, compileIn } from './library.ts';

/** What expressions of webhooks and policies may name. Upstream: `admission/plugin/cel/compile.go`. */
export const policyVariables: readonly string[] = [
  ...['object', 'oldObject', 'request', 'params', 'namespaceObject', 'variables', 'authorizer'],
];

let environment: Environment | undefined;
const programs = new Map<string, Compiled>();
const mostPrograms = 5_000;

/** Loads the language with the variables of policies; other names are unknown to it. */
export async function loadPolicyCel(): Promise<void> {
  if (environment) return;
  const [{ Environment }, { registerLibraries }, { registerAuthorizer }] = await Promise.all([
    import('@marcbachmann/cel-js'),
    import('./libraries.ts'),
    import('./authorizer.ts'),
  ]);
  const made = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
  registerLibraries(made);
  registerAuthorizer(made);
  for (const name of policyVariables) made.registerVariable(name, 'dyn');
  environment = made;
}

/** After {@link loadPolicyCel}. */
export function compilePolicy(expression: string): Compiled {
  const known = programs.get(expression);
  if (known) return known;
  if (!environment) throw new Error('CEL was not loaded');
  const compiled = compileIn(environment, expression);
  if (programs.size > mostPrograms) programs.clear();
  programs.set(expression, compiled);
  return compiled;
}
