import { CommandError, type Kernel } from '../../kernel/run.ts';
import { runtimeScript } from './paths.ts';

/** Carries out plans of containers, see container-plan.ts; resolves once the program runs. */
export type Starter = (plan: string) => Promise<void>;

/** A program that could not be started; the message is the shim's. */
export class ContainerStartError extends Error {
  override name = 'ContainerStartError';
}

/**
 * The kernel's helper, where it has one, makes the shims of all containers, as copies of itself: starting a program from here
 * costs several times what making such a copy does. What it has started does not need it. Rejects with
 * {@link ContainerStartError} when a step of the plan failed.
 */
export function createStarter(kernel: Kernel): Starter {
  const { helper } = kernel;
  if (!helper) return (plan) => startAlone(kernel, plan);
  return async (plan) => {
    const failure = await helper.ask(plan);
    if (failure) throw new ContainerStartError(unescaped(failure).trim());
  };
}

/** The program that is a kernel's helper on a node. */
export const helperProgram = (): [file: string, ...args: string[]] => ['perl', runtimeScript('shim.pl')];

async function startAlone(kernel: Kernel, plan: string): Promise<void> {
  try {
    await kernel.run('perl', [runtimeScript('shim.pl'), plan]);
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === undefined) throw error;
    throw new ContainerStartError(error.stderr.trim(), { cause: error });
  }
}

const unescaped = (text: string) =>
  text.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
