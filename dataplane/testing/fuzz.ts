import type { Family } from '../../api/address.ts';
import type { Kernel } from '../../kernel/run.ts';
import { proxyConfiguration } from '../configuration.ts';
import type { Dataplane } from '../dataplane.ts';
import { createReplay, endOf, type History } from './history.ts';
import { createModelKernel } from './modelkernel.ts';
import { type Random, randomConfiguration, randomFrom } from './random.ts';
import { type Backend, type BackendName, backends } from './standing.ts';

const families = ['IPv4', 'IPv6'] as const;

/**
 * Follows a history in both families at once, in one kernel, by differences. After each step what stands is
 * compared with what a new proxy writes into an empty (model) kernel, and the proxy must find nothing amiss. Now and then
 * another process takes over, which must write nothing. Rejects with what differs.
 *
 * @param newKernel gives an empty kernel; everything is taken out of it afterwards.
 */
export async function follow(
  name: BackendName,
  seed: number,
  history: History,
  newKernel: () => Promise<Kernel> | Kernel = createModelKernel,
): Promise<void> {
  const backend: Backend = backends[name];
  const configuration = proxyConfiguration({
    ...randomConfiguration(randomFrom(seed)),
    ...backend.configuration,
  });
  const kernel = await newKernel();
  const create = (family: Family, into = kernel) => backend.create({ kernel: into, family, configuration });
  const stacks = families.map((family) => ({
    family,
    replay: createReplay(family),
    dataplane: create(family),
  }));

  /** What a proxy that starts now would write. */
  async function fresh(family: Family, step: number): Promise<string[]> {
    const empty = createModelKernel();
    const replay = createReplay(family);
    replay.apply(endOf(history.slice(0, step + 1)));
    await create(family, empty).sync(replay.state());
    return backend.standing(empty, family);
  }

  try {
    for (const [step, one] of history.entries()) {
      for (const { replay } of stacks) replay.apply(one);
      for (const stack of stacks) {
        const { family, replay } = stack;
        const where = `${name} ${family}, step ${step + 1} (${one.what})`;
        await named(where, stack.dataplane.sync(replay.state()));
        const difference = linesBetween(await backend.standing(kernel, family), await fresh(family, step));
        if (difference)
          throw new Error(`${where}: what stands is not what a new proxy writes:\n${difference}`);
        // Depends on the step alone, so that a shorter history goes the same way.
        if (randomFrom(seed + JSON.stringify(one).length)(4) === 0)
          stack.dataplane = await takeOver(where, stack.dataplane, create(family), replay.state());
      }
    }
  } finally {
    for (const { dataplane } of stacks) await dataplane.cleanup();
  }
}

async function takeOver(
  where: string,
  before: Dataplane,
  next: Dataplane,
  state: Parameters<Dataplane['sync']>[0],
): Promise<Dataplane> {
  const found = await named(where, before.verify());
  if (found) throw new Error(`${where}: the proxy finds fault with its own work: ${found}`);
  const { text } = await named(where, next.sync(state));
  if (text) throw new Error(`${where}: a new process writes again:\n${text}`);
  return next;
}

async function named<T>(where: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** `- ` before lines that are missing, `+ ` before those too many; empty for equal ones. */
export function linesBetween(have: readonly string[], want: readonly string[]): string {
  const [stands, wanted] = [new Set(have), new Set(want)];
  return [
    ...want.filter((line) => !stands.has(line)).map((line) => `- ${line}`),
    ...have.filter((line) => !wanted.has(line)).map((line) => `+ ${line}`),
  ].join('\n');
}

/** A proxy's process that was ended. */
class Died extends Error {
  constructor() {
    super('killed');
    this.name = 'Died';
  }
}

/**
 * A kernel to a process that is killed in the middle of its next write: of what it hands to a tool, the tool has
 * carried out a part that it may have carried out. After that nothing comes of anything.
 */
export function mortal(kernel: Kernel, random: Random): Kernel {
  let dead = false;
  return {
    async run(file, args, options = {}) {
      if (dead) throw new Died();
      const { input } = options;
      if (input === undefined) return kernel.run(file, args, options);
      // Now and then it dies between two writes.
      if (random(3) === 0) return kernel.run(file, args, options);
      dead = true;
      const part = beginningOf(file, input, random);
      if (part) await kernel.run(file, args, { ...options, input: part });
      throw new Died();
    },
  };
}

/** nft takes a batch as one, iptables each commit, the others each line. */
function beginningOf(file: string, input: string, random: Random): string {
  if (file === 'nft') return random(2) ? input : '';
  const pieces = file.endsWith('-restore') ? input.split(/(?<=^COMMIT\n)/m) : input.split(/(?<=\n)/);
  return pieces.slice(0, random(pieces.length + 1)).join('');
}

/**
 * Follows a history with a proxy that is killed at every step, in the middle of a write, and started again: that
 * must come to what a new proxy writes into an empty kernel. Rejects with what differs.
 */
export async function followDying(name: BackendName, seed: number, history: History): Promise<void> {
  const backend: Backend = backends[name];
  const random = randomFrom(seed);
  const configuration = proxyConfiguration({
    ...randomConfiguration(randomFrom(seed)),
    ...backend.configuration,
  });
  const kernels = { IPv4: createModelKernel(), IPv6: createModelKernel() };
  const replays = families.map((family) => ({ family, replay: createReplay(family) }));
  for (const [step, one] of history.entries()) {
    for (const { family, replay } of replays) {
      const where = `${name} ${family}, step ${step + 1} (${one.what})`;
      const create = (kernel: Kernel) => backend.create({ kernel, family, configuration });
      replay.apply(one);
      const state = replay.state();
      await create(mortal(kernels[family], random))
        .sync(state)
        .catch((error: unknown) => {
          if (!(error instanceof Died)) throw new Error(`${where}: ${String(error)}`, { cause: error });
        });
      await named(`${where}, started again`, create(kernels[family]).sync(state));
      const empty = createModelKernel();
      await create(empty).sync(state);
      const difference = linesBetween(
        await backend.standing(kernels[family], family),
        await backend.standing(empty, family),
      );
      if (difference) throw new Error(`${where}: after a death and a new start there differ:\n${difference}`);
    }
  }
}
