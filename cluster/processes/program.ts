import { existsSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterSpec } from '../spec.ts';
import { OptionError } from '../spec.ts';
import { readSpec, type StateDir, stateDir } from '../state.ts';

/** What every program of a cluster is given: the settled options, the files, and when to end. */
export interface ProgramContext {
  spec: ClusterSpec;
  state: StateDir;
  /** Arguments after the state directory. */
  args: string[];
  signal: AbortSignal;
}

/**
 * Runs a component as a process: `node dist/NAME.cjs STATE_DIR [ARGUMENT …]`. Ends with 0 on SIGTERM or
 * SIGINT; with 1, and the error on standard error, when the component cannot start or dies.
 */
export async function runProgram(
  name: string,
  main: (context: ProgramContext) => Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      ending.abort();
      // Whatever still holds the event loop after a second is not worth waiting for.
      setTimeout(() => process.exit(0), 1_000).unref();
    });
  }
  const fail = (error: unknown) => {
    process.stderr.write(
      `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  try {
    const [folder = '', ...args] = process.argv.slice(2);
    const state = stateDir(folder);
    await main({ spec: await settled(state), state, args, signal: ending.signal });
    keepCompiledCode();
  } catch (error) {
    fail(error);
  }
}

/** Node.js writes its compile cache at exit, which a process in a lab does not live to see. */
function keepCompiledCode(): void {
  setTimeout(() => flushCompileCache?.(), 3_000).unref();
}

const longestWait = 30_000;

/** The lab starts while certificates are still being made; both files and folder appear whole. */
async function settled(state: StateDir): Promise<ClusterSpec> {
  const deadline = performance.now() + longestWait;
  for (;;) {
    const spec = readSpec(state);
    if (spec && existsSync(state.pki)) return spec;
    if (performance.now() > deadline)
      throw new OptionError('state directory', state.root, 'holds no cluster.json and pki/');
    await delay(3);
  }
}
