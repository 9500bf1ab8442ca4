import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/handle.ts';
import { stateDir } from '../cluster/state.ts';
import { readTrace } from '../cluster/trace.ts';
import { type Feature, missingFeatures } from '../kernel/features.ts';
import { sharesUserNamespace } from '../kernel/namespaces.ts';
import { loadClient } from './client.ts';
import { clusterip } from './clusterip/clusterip.ts';
import { coredns } from './coredns/coredns.ts';
import { dataplanes } from './dataplanes/dataplanes.ts';
import { expose } from './expose/expose.ts';
import { flannel } from './flannel/flannel.ts';
import { playInGuest } from './guest.ts';
import { hostnames } from './hostnames/hostnames.ts';
import { ipvs } from './ipvs/ipvs.ts';
import { kubeadm } from './kubeadm/kubeadm.ts';
import { recordReport } from './lines.ts';
import { nodeport } from './nodeport/nodeport.ts';
import { pods } from './pods/pods.ts';
import { count, createReport, host, type Report, wrap } from './report.ts';
import type { Scenario, Stage } from './scenario.ts';
import { subdomain } from './subdomain/subdomain.ts';

/** Every scenario, in the order of the articles. */
const scenarios: readonly Scenario[] = [
  kubeadm,
  hostnames,
  subdomain,
  expose,
  clusterip,
  ipvs,
  coredns,
  pods,
  nodeport,
  flannel,
  dataplanes,
];

export interface RunOptions {
  nodes?: number;
  keep?: boolean;
  verbose?: boolean;
  /** What runs in the place of ours, as `v9s up --program` has it. */
  programs?: readonly string[];
  /** Tells the story as lines for another process; see `recordReport`. */
  lines?: boolean;
}

/**
 * Plays a scenario on a cluster of its own and reports what differed. Resolves to the exit code: 0 when
 * every check held. Without a name the scenarios are listed.
 */
export async function runScenario(name: string | undefined, options: RunOptions): Promise<number> {
  const scenario = scenarios.find((each) => each.name === name);
  if (!scenario) return list(name);
  const report = (options.lines ? recordReport : createReport)(process.stdout, options.verbose);
  report.title(scenario.name, scenario.title);
  const [missing] = await missingFeatures(scenario.needs ?? []);
  if (missing && !missing.inGuest) throw new Error(missing.message);
  if (missing && options.keep) throw new Error(cannotKeep(scenario.name));
  if (missing) await playElsewhere(scenario, missing.feature, options, report);
  else await playHere(scenario, options, report);
  return report.failures.length > 0 ? 1 : 0;
}

async function playHere(scenario: Scenario, options: RunOptions, report: Report): Promise<void> {
  report.step('A cluster');
  const began = performance.now();
  const interrupted = endOnSignal();
  const cluster = await report.progress('starting nodes', start(scenario, options, report));
  if (!options.keep) interrupted.take(cluster);
  try {
    showCluster(scenario, cluster, report, performance.now() - began);
    const beganPlay = performance.now();
    const stage = await createStage(scenario, cluster, report, options);
    await scenario.play(stage).catch((error: unknown) => {
      report.check(
        'the scenario runs to its end',
        false,
        error instanceof Error ? error.message : String(error),
      );
    });
    if (!options.lines) conclude(report, performance.now() - beganPlay);
    if (options.keep) showKept(cluster);
  } finally {
    interrupted.ignore();
    if (options.keep) cluster.detach();
    else await cluster.stop();
  }
}

async function playElsewhere(
  { name }: Scenario,
  lacking: Feature,
  options: RunOptions,
  report: Report,
): Promise<void> {
  report.note(
    `This machine's kernel has no ${lacking}, so this is played in a guest kernel: User-mode Linux, from Debian's package on first use.`,
  );
  const began = performance.now();
  const interrupted = endOnSignal();
  try {
    await playInGuest(name, options, report);
  } finally {
    interrupted.ignore();
  }
  conclude(report, performance.now() - began);
}

const cannotKeep = (name: string) =>
  `scenario ${name} is played in a guest kernel here, which ends with it; to keep its cluster, run in a guest of your own: npm run guest -- sh -c 'node dist/v9s.js scenario ${name} --keep; exec bash'`;

/**
 * Ctrl-C takes the cluster along, its files too, from the first moment of its start. A kept one stays. npm may
 * pass the signal on twice.
 */
function endOnSignal(): { take(cluster: Cluster): void; ignore(): void } {
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  let cluster: Cluster | undefined;
  const handlers = Object.entries(signals).map(([signal, code]) => {
    // A lab that is still starting ends with its owner, and its folder when that exits.
    const end = () => void (cluster?.stop() ?? Promise.resolve()).finally(() => process.exit(code));
    process.on(signal, end);
    return () => process.off(signal, end);
  });
  return {
    take(started) {
      cluster = started;
    },
    ignore() {
      for (const remove of handlers) remove();
    },
  };
}

function list(name: string | undefined): number {
  const lines = scenarios.flatMap((each) =>
    wrap(each.title, 80 - 14).map((part, index) => `  ${(index === 0 ? each.name : '').padEnd(12)}${part}\n`),
  );
  if (name === undefined) {
    process.stdout.write(`Scenarios:\n${lines.join('')}`);
    return 0;
  }
  process.stderr.write(`v9s: no scenario ${JSON.stringify(name)}; there are\n${lines.join('')}`);
  return 2;
}

/** A kept cluster is an ordinary one of the user's, under the scenario's name. */
function start(
  scenario: Scenario,
  { nodes, keep, verbose, programs }: RunOptions,
  report: Report,
): Promise<Cluster> {
  return (scenario.start ?? startCluster)({
    ...scenario.cluster,
    name: scenario.name,
    ...(programs ? { programs } : {}),
    // A lone node has to take the pods itself.
    ...(nodes === undefined ? {} : { nodes, taintControlPlane: nodes > 1 }),
    lifetime: keep ? 'detached' : 'owner',
    trace: verbose ?? false,
    onCommand: ({ file, args, input }) => report.trace(`${[file, ...args].join(' ')}\n${input ?? ''}`),
  });
}

function showCluster(scenario: Scenario, { spec }: Cluster, report: Report, milliseconds: number): void {
  const { cluster } = scenario;
  const flags = [
    ['--pod-cidr', cluster.podCidr],
    ['--overlay', cluster.overlay],
    ['--bridge', cluster.bridge],
    ['--service-cidr', cluster.serviceCidr],
    ['--service-node-port-range', cluster.serviceNodePortRange],
    ['--cluster-dns', cluster.clusterDns],
    ['--kubelet-config', cluster.kubeletConfig],
    ['--dataplane', cluster.dataplane],
    ['--emulated-version', cluster.emulatedVersion],
  ] as const;
  const words = [
    `v9s up --name ${spec.name} --nodes ${spec.nodes.length}`,
    ...(spec.nodes.some(({ taints }) => taints.length > 0) ? ['--taint-control-plane'] : []),
    ...flags.flatMap(([flag, value]) => (value === undefined ? [] : [`${flag} ${value}`])),
  ];
  report.command(host, scenario.command ?? words.join(' '));
  const ready = cluster.overlay === 'none' ? '' : ' Ready';
  report.output(`${count(spec.nodes.length, 'node')}${ready} in ${(milliseconds / 1000).toFixed(2)} s`);
}

function conclude(report: Report, milliseconds: number): void {
  const { failures, checks } = report;
  const seconds = (milliseconds / 1000).toFixed(1);
  const text =
    failures.length === 0
      ? `${checks === 1 ? 'The one check' : `All ${checks} checks`} held, in ${seconds} s.`
      : `${failures.length} of ${checks} checks failed:\n${failures.map((failure) => `  ✗ ${failure}`).join('\n')}`;
  process.stdout.write(`\n${text}\n`);
}

function showKept(cluster: Cluster): void {
  process.stdout.write(
    `\nThe cluster is still up. To go on with it:\n\n  export KUBECONFIG=${cluster.kubeconfig}\n\nand to end it: npx v9s down --name ${cluster.name} --delete\n`,
  );
}

const answeredBy = {
  kubectl: 'The kubectl on PATH answers this and the other lines that begin with kubectl.',
  api: "There is no kubectl on PATH: what it would print comes from the API's own Table answer.",
};

async function createStage(
  scenario: Scenario,
  cluster: Cluster,
  report: Report,
  options: RunOptions,
): Promise<Stage> {
  const { verbose = false } = options;
  let api: ReturnType<typeof loadClient> | undefined;
  const trace = verbose ? readTrace(cluster.spec, stateDir(cluster.stateDir)) : () => [];
  /** Shows what the nodes did meanwhile, then the command. */
  const command = (where: string, line: string) => {
    for (const each of trace()) report.trace(each);
    report.command(where, line);
  };
  let told = false;
  const shown = (text: string, most?: number) => {
    if (text.trim()) report.output(text, most);
    return text;
  };
  return {
    cluster,
    api() {
      api ??= loadClient(cluster.kubeconfig);
      return api;
    },
    report,
    has: async (...features) => (await missingFeatures(features)).length === 0,
    async again() {
      if (sharesUserNamespace()) throw new Error('this is the guest kernel, and it lacks something, too');
      await playInGuest(scenario.name, options, report);
    },
    async kubectl(line, input, most) {
      command(host, `kubectl ${line}`);
      const { stdout, by } = await cluster.kubectl(line.split(/\s+/), input);
      if (!told) report.note(answeredBy[by]);
      told = true;
      return shown(stdout, most);
    },
    async onNode(node, line, most) {
      command(node, line);
      const { stdout } = await cluster.node(node).exec(['sh', '-c', line]);
      return shown(stdout, most);
    },
    async inPod(pod, line) {
      command(pod, line);
      const { stdout } = await cluster.pod(pod).exec(['sh', '-c', line]);
      return shown(stdout);
    },
  };
}
