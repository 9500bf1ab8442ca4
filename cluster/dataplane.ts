import { setTimeout as delay } from 'node:timers/promises';
import { type Feature, requireFeatures } from '../kernel/features.ts';
import type { Lab } from '../lab/handle.ts';
import { nodeProgram } from './runtime.ts';
import {
  type ClusterSpec,
  checkDataplane,
  type DataplaneMode,
  type DataplaneOptions,
  nameFlag,
  OptionError,
} from './spec.ts';
import { type StateDir, writeSpec } from './state.ts';

/** Milliseconds that a node's process has to come up in the new mode. */
const longestSwitch = 60_000;

/** What a node says of itself on kube-proxy's metrics address, which it opens when it has cleared up. */
const modeAddress = 'http://127.0.0.1:10249/proxyMode';

/** What a mode needs of the kernel beyond what every cluster needs. */
export function modeFeatures(mode: DataplaneMode): readonly Feature[] {
  if (mode === 'ipvs') return ['ip_vs', 'ip_set', 'dummy'];
  return mode === 'nftables' ? ['nf_tables'] : [];
}

/** Asks until the answer is the wanted one; ends with 1, and the last answer, when that takes too long. */
const askScript = `
const [url, mode, timeout] = process.argv.slice(1);
const deadline = Date.now() + Number(timeout);
for (;;) {
  const answer = await fetch(url, { headers: { connection: 'close' } }).then((one) => one.text(), (error) => error.cause?.code ?? String(error));
  if (answer === mode) process.exit(0);
  if (Date.now() > deadline) { console.error(answer); process.exit(1); }
  await new Promise((resolve) => setTimeout(resolve, 20));
}`;

/**
 * Switches the dataplane of a running cluster, node by node: the node's process starts anew, writes the rules
 * of the new mode, and only then takes out those of the old one. Connections go on. Rejects where a node does
 * not get there; its log says why, and the nodes after it keep what they have until they are restarted. Rejects
 * at once where somebody's own kube-proxy runs, which would not give way, and for the mode `none`.
 */
export async function switchDataplane(
  { spec, state, lab }: { spec: ClusterSpec; state: StateDir; lab: Lab },
  options: DataplaneOptions,
  onNode: (name: string) => void = () => undefined,
): Promise<void> {
  checkDataplane(options);
  const mode = options.dataplane ?? spec.dataplane;
  if (mode === 'none')
    throw new OptionError(
      'dataplane',
      mode,
      'a running cluster switches between proxy modes only; v9s down and v9s up --dataplane none leave nodes without rules',
    );
  if (spec.dataplane === 'none') await requireNoProxy(spec, lab);
  await requireFeatures(modeFeatures(mode));
  Object.assign(spec, { ...options, dataplane: mode });
  writeSpec(state, spec);
  const node = await nodeProgram();
  for (const { name } of spec.nodes) {
    await restarted(lab, name);
    const ask = [...node, '--input-type=module', '-e', askScript];
    const { exitCode, stderr } = await lab.enter([...ask, modeAddress, mode, String(longestSwitch)], {
      node: name,
    });
    if (exitCode !== 0)
      throw new Error(
        `node ${name} is not in mode ${mode} after ${longestSwitch / 1_000} s (${stderr.trim()}); see ${state.log}/${name}.log`,
      );
    onNode(name);
  }
}

/** Nodes without a dataplane may have a proxy that somebody started: two would undo each other's rules. */
async function requireNoProxy({ name: cluster, nodes }: ClusterSpec, lab: Lab): Promise<void> {
  for (const { name } of nodes) {
    const { exitCode, stdout } = await lab.enter(['curl', '-s', '--max-time', '2', modeAddress], {
      node: name,
    });
    if (exitCode === 0)
      throw new Error(
        `on node ${name} a kube-proxy runs already, in mode ${stdout}; end it first (v9s exec${nameFlag(cluster)} ${name} -- ss -ltnp sport = :10249 shows its process id)`,
      );
  }
}

/** Restarts a component and waits until its next run has begun: the last one may still be answering. */
async function restarted(lab: Lab, name: string): Promise<void> {
  const restarts = async () => (await lab.components()).find((one) => one.name === name)?.restarts ?? 0;
  const before = await restarts();
  await lab.restart(name);
  while ((await restarts()) === before) await delay(10);
}
