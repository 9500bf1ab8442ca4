import type { Family } from '../../api/address.ts';
import type { Kernel } from '../../kernel/run.ts';
import { proxyConfiguration } from '../configuration.ts';
import type { Dataplane } from '../dataplane.ts';
import { createReplay, endOf, type History } from './history.ts';
import { createModelKernel } from './modelkernel.ts';
import { randomConfiguration, randomFrom } from './random.ts';
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
