import { rmSync } from 'node:fs';
import { attachLab, type Lab } from '../../lab/handle.ts';
import { nodeRunDir } from '../../node-agent/runtime/paths.ts';
import { changeSpec } from '../change-spec.ts';
import { existingState } from '../cluster.ts';
import { OptionError } from '../option-error.ts';
import { readSpec, type StateDir } from '../state.ts';
import { nodeFolder } from './credentials.ts';

/**
 * Takes a node that has joined out of its lab: processes, network namespaces, links, mounts, certificates. Its Node
 * object stays, and so do its pods' until somebody deletes it. Throws where there is no such node, and for those that a
 * cluster was made with. Upstream: `kubeadm reset`.
 */
export async function resetNode(cluster: string, name: string): Promise<void> {
  await resetNodeIn(existingState(cluster), name);
}

/** The same for a cluster in this folder. */
export async function resetNodeIn(state: StateDir, name: string): Promise<void> {
  const spec = readSpec(state);
  const joined = (spec?.nodes ?? []).filter((node) => node.joined).map((node) => node.name);
  if (!joined.includes(name))
    throw new OptionError(
      'node',
      name,
      `a node that has joined cluster ${spec?.name}: ${joined.join(', ') || 'there is none'}`,
    );
  const lab = await attachLab(state.root);
  // It was alone there.
  if (spec?.linkedTo !== undefined) {
    await lab?.stop();
    rmSync(state.root, { recursive: true, force: true });
    return;
  }
  if (lab && isIn(lab, name)) await leaveLab(lab, name);
  rmSync(nodeFolder(state, name), { recursive: true, force: true });
  await changeSpec(state, (now) => {
    now.nodes = now.nodes.filter((node) => node.name !== name);
  });
}

/** False for one whose join was interrupted before it had a place there. */
function isIn(lab: Lab, node: string): boolean {
  try {
    lab.enterCommand(['true'], { node });
    return true;
  } catch {
    return false; // Which is what it says.
  }
}

/** The supervisor ends what runs there; what is mounted below the node's folder goes then, and the folder. */
async function leaveLab(lab: Lab, name: string): Promise<void> {
  const runDir = nodeRunDir(name);
  const { stdout } = await lab.enter(['sh', '-c', 'ls "$0/pods" 2>/dev/null || :', runDir]);
  // As node-agent/network/plan.ts calls them.
  const netns = stdout
    .split('\n')
    .filter(Boolean)
    .map((uid) => `cni-${uid}`);
  await lab.removeNode(name, { netns });
  const { exitCode, stderr } = await lab.enter(['sh', '-c', removeScript, runDir]);
  if (exitCode !== 0) throw new Error(`removing ${runDir} failed: ${stderr.trim()}`);
}

/** Deepest first. */
const removeScript = `
mounts=$(cut -d' ' -f2 /proc/self/mounts | grep "^$0/" | sort -r)
[ -z "$mounts" ] || umount --lazy $mounts
rm -rf "$0"`;
