import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ipBatch } from '../../kernel/ip.ts';
import { CommandError, type Kernel } from '../../kernel/run.ts';
import { attachCommands, type Bridge, detachCommands, type PodNetwork } from './plan.ts';

export interface AttachConfig {
  kernel: Kernel;
  bridge: Bridge;
  /** For a file per pod while it is attached. */
  folder: string;
  /** `ip` commands to run in the pod's namespace. */
  podCommands(network: PodNetwork): string[];
}

const batchSuffix = '.batch';

/** Most pods in one batch, so that the first of many does not wait for all. */
const largestBatch = 16;

/**
 * Makes pods' namespaces, pairs and addresses. One process does all of it for the pods that come together,
 * or while the batch before is at work. When that fails, each of them is built again by itself, after what an
 * earlier, interrupted attempt may have left is gone.
 */
export function createAttacher(config: AttachConfig): (network: PodNetwork) => Promise<void> {
  const { kernel, bridge, folder } = config;
  // Of one that was interrupted.
  for (const name of readdirSync(folder).filter((file) => file.endsWith(batchSuffix)))
    rmSync(join(folder, name));
  let waiting: { network: PodNetwork; done: (attached: boolean) => void }[] = [];
  let busy = false;

  async function drain(): Promise<void> {
    busy = true;
    await nextTurn();
    while (waiting.length > 0) {
      const now = waiting.slice(0, largestBatch);
      waiting = waiting.slice(largestBatch);
      const attached = await attachTogether(
        config,
        now.map(({ network }) => network),
      );
      for (const { done } of now) done(attached);
    }
    busy = false;
  }

  return async (network) => {
    const attached = await new Promise<boolean>((done) => {
      waiting.push({ network, done });
      if (!busy) void drain();
    });
    if (attached) return;
    await removeLinks(kernel, network, bridge);
    await ipBatch(kernel, attachCommands(network, bridge));
    await ipBatch(kernel, config.podCommands(network), { netns: network.netns });
  };
}

/** False when something of it failed; what, shows when each is built by itself. */
async function attachTogether(
  { kernel, bridge, folder, podCommands }: AttachConfig,
  networks: readonly PodNetwork[],
): Promise<boolean> {
  const plans = networks.map((network) => ({ network, file: join(folder, network.netns + batchSuffix) }));
  try {
    for (const { network, file } of plans) writeFileSync(file, `${podCommands(network).join('\n')}\n`);
    await ipBatch(
      kernel,
      plans.flatMap(({ network, file }) => [
        ...attachCommands(network, bridge),
        `netns exec ${network.netns} ip -batch ${file}`,
      ]),
    );
    return true;
  } catch {
    return false; // See above.
  } finally {
    for (const { file } of plans) rmSync(file, { force: true });
  }
}

/** Removes what there is of a pod's network. */
export async function removeLinks(kernel: Kernel, network: PodNetwork, bridge: Bridge): Promise<void> {
  try {
    await ipBatch(kernel, detachCommands(network, bridge), { force: true });
  } catch (error) {
    // What is gone already cannot be deleted; anything else shows when the pod is attached again.
    if (!(error instanceof CommandError) || error.exitCode === undefined) throw error;
  }
}
