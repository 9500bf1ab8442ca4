import { type Feature, requireFeatures } from '../kernel/features.ts';
import type { Lab } from '../lab/handle.ts';
import { nodeRunDir } from '../node-agent/runtime/paths.ts';
import { dataplaneFile, settingsText } from './dataplane-file.ts';
import { replacement } from './programs.ts';
import {
  type ClusterSpec,
  checkDataplane,
  type DataplaneMode,
  type DataplaneOptions,
  nameFlag,
  OptionError,
} from './spec.ts';
import { type StateDir, writeSpec } from './state.ts';

/** Milliseconds that a node has to get to the new mode. */
const longestSwitch = 60_000;

/** Where any kube-proxy says its mode. */
const modeAddress = 'http://127.0.0.1:10249/proxyMode';

/** What a mode needs of the kernel beyond what every cluster needs. */
export function modeFeatures(mode: DataplaneMode): readonly Feature[] {
  if (mode === 'ipvs') return ['ip_vs', 'ip_set', 'dummy'];
  return mode === 'nftables' ? ['nf_tables'] : [];
}

/**
 * Arguments: a file, a line, seconds. Waits until the file says the line; ends with 1, and what it says, when that
 * takes too long. Perl, because a shell starts a program for every look, which is dear in a guest kernel.
 */
const waitScript = `
my ($file, $wanted, $seconds) = @ARGV;
my $last = time + $seconds;
while (1) {
  my $said = -e $file ? do { open my $f, '<', $file or die "$file: $!"; readline $f } : undef;
  chomp($said //= 'nothing');
  exit if $said eq $wanted;
  if (time > $last) { print STDERR $said; exit 1 }
  select undef, undef, undef, 0.02;
}`;

/**
 * Switches the dataplane of a running cluster, node by node: beside the one that runs, the node's process starts
 * another, which ends that one when it knows what to write, writes the rules of the new mode, and only then takes
 * out those of the old one. Connections go on, and so does the node-agent. Rejects where a node does not get
 * there; its log says why, and the nodes after it keep what they have until they are restarted. Rejects at once
 * where somebody's own kube-proxy runs, which would not give way, and for the mode `none`.
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
  const proxy = replacement(spec, 'kube-proxy');
  if (proxy !== undefined)
    throw new OptionError(
      'dataplane',
      mode,
      `the nodes of this cluster run ${proxy}; v9s down and v9s up --dataplane ${mode} start it in another mode`,
    );
  if (spec.dataplane === 'none') await requireNoProxy(spec, lab);
  await requireFeatures(modeFeatures(mode));
  Object.assign(spec, { ...options, dataplane: mode });
  writeSpec(state, spec);
  const wanted = settingsText(spec);
  for (const { name } of spec.nodes) {
    await tell(lab, name);
    const file = dataplaneFile(nodeRunDir(name));
    const wait = ['perl', '-e', waitScript, file, wanted, String(longestSwitch / 1_000)];
    const { exitCode, stderr } = await lab.enter(wait, { node: name });
    if (exitCode !== 0)
      throw new Error(
        `node ${name} is not in mode ${mode} after ${longestSwitch / 1_000} s (it says ${stderr.trim()}); see ${state.log}/${name}.log`,
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

/** A process that is not there now reads the new spec when it is started anew. */
async function tell(lab: Lab, name: string): Promise<void> {
  const pid = (await lab.components()).find((one) => one.name === name)?.pid;
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGHUP');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
