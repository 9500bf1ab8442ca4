import type { Requests } from '../../kernel/requests.ts';
import { CommandError, type Kernel } from '../../kernel/run.ts';
import { idleTime } from '../../kernel/standing-session.ts';
import { runtimeScript } from './paths.ts';

/** Carries out plans of containers, see container-plan.ts; resolves once the program runs. */
export type Starter = (plan: string) => Promise<void>;

/** A program that could not be started; the message is the shim's. */
export class ContainerStartError extends Error {
  override name = 'ContainerStartError';
}

/**
 * One process makes the shims of all containers, as copies of itself: starting a program from here costs several times
 * what making such a copy does. It is there while there is something to start, and a little longer; what it has started
 * does not need it. Rejects with {@link ContainerStartError} when a step of the plan failed.
 */
export function createStarter(kernel: Kernel): Starter {
  const script = runtimeScript('shim.pl');
  let program: Requests | undefined;
  let idle: NodeJS.Timeout | undefined;
  let busy = 0;

  return async (plan) => {
    if (!kernel.serve) return startAlone(kernel, plan);
    clearTimeout(idle);
    if (!program || program.ended()) program = kernel.serve('perl', [script]);
    busy += 1;
    try {
      const failure = await program.ask(plan);
      if (failure) throw new ContainerStartError(unescaped(failure).trim());
    } finally {
      busy -= 1;
      if (busy === 0) idle = setTimeout(end, idleTime).unref();
    }
  };

  function end(): void {
    program?.close();
    program = undefined;
  }
}

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
