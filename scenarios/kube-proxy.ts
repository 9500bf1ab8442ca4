import { replacement } from '../cluster/programs.ts';
import { proxyKubeconfigPath } from '../cluster/runtime.ts';
import type { Stage } from './scenario.ts';

/** A kube-proxy that runs on a node as a process of its own, as in the articles. */
export interface KubeProxy {
  readonly node: string;
  /** As the node sees it. */
  readonly pid: number;
  /** Everything it has written so far. */
  log(): Promise<string>;
  /** Resolves to its log once that matches; throws with the log after a minute, or when the process has ended. */
  logged(pattern: RegExp): Promise<string>;
  /** Shows `kill PID` and runs it; resolves when the process is gone. Its rules stay. */
  kill(): Promise<void>;
}

/** The flag that lets it reach the API from any node. */
export const kubeconfigFlag = `--kubeconfig=${proxyKubeconfigPath}`;

/** What ours logs when the first rules are written and its ports are open; what upstream's does at `--v=2` and above. */
const inStep = /in step with the API|syncProxyRules took/i;

/** Long enough for a guest kernel, where starting programs is slow. */
const longestWait = 60_000;

/**
 * Starts `v9s kube-proxy` on nodes of a cluster that has no dataplane of its own (`dataplane: 'none'`), shows the
 * line for the first of them, and resolves when each is in step with the API. They end with the lab.
 *
 * @param flags by node name; {@link kubeconfigFlag} belongs to them
 */
export async function startKubeProxies(
  stage: Stage,
  nodes: readonly string[],
  flags: (node: string) => readonly string[],
): Promise<KubeProxy[]> {
  const { report } = stage;
  const starting = nodes.map((node, index) => start(stage, node, flags(node), index === 0));
  const proxies = await report.progress('waiting for kube-proxy', Promise.all(starting));
  const others = nodes.slice(1);
  if (others.length > 0) report.note(`The same on ${others.join(', ')}. Each writes to ${logPath('NODE')}.`);
  return proxies;
}

/** {@link startKubeProxies} on one node. */
export async function startKubeProxy(
  stage: Stage,
  node: string,
  flags: readonly string[],
): Promise<KubeProxy> {
  return stage.report.progress('waiting for kube-proxy', start(stage, node, flags, true));
}

/** The program, as one types it on a node. */
export const proxyCommand = ({ cluster }: Stage): string =>
  replacement(cluster.spec, 'kube-proxy') ?? 'v9s kube-proxy';

/** Upstream's is of one release alone; it must be told to leave the limits of the machine as they are, and to say when it has written. */
function flagsFor({ cluster }: Stage, flags: readonly string[]): readonly string[] {
  if (replacement(cluster.spec, 'kube-proxy') === undefined) return flags;
  return [
    '--v=4',
    ...flags.filter((flag) => !/^--(emulated-version|v)=/.test(flag)),
    '--conntrack-max-per-core=0',
    '--conntrack-min=0',
  ];
}

/** `/run` is one for all nodes. */
const logPath = (node: string) => `/run/kube-proxy-${node}.log`;

/**
 * Arguments: the file, the process, the pattern, seconds. Prints the file when the pattern is in it, or when that is
 * not to be expected any more, and then why. One program that waits, because in a guest kernel many that look would
 * take all its time.
 */
const waiting = [
  'perl',
  '-e',
  String.raw`
my ($file, $pid, $pattern, $seconds) = @ARGV;
my $last = time + $seconds;
while (1) {
  my $runs = kill 0, $pid;
  open my $log, '<', $file or die "$file: $!\n";
  my $text = do { local $/; readline $log } // '';
  my $why = $text =~ /$pattern/ ? '' : !$runs ? 'and has ended' : time > $last ? "after $seconds s" : undef;
  if (defined $why) { print $text; print STDERR $why; exit($why ? 1 : 0) }
  select undef, undef, undef, 0.05;
}`,
];

/** Argument: the process. */
const ending = [
  'perl',
  '-e',
  String.raw`
kill TERM => $ARGV[0];
for (1 .. 3000) { kill 0, $ARGV[0] or exit; select undef, undef, undef, 0.02 }
die "process $ARGV[0] has not ended 60 s after SIGTERM\n";`,
];

async function start(
  stage: Stage,
  node: string,
  flags: readonly string[],
  shown: boolean,
): Promise<KubeProxy> {
  const place = stage.cluster.node(node);
  const shell = (script: string) => place.exec(['sh', '-c', script]);
  const line = `${proxyCommand(stage)} ${flagsFor(stage, flags).join(' ')} >${logPath(node)} 2>&1 &`;
  if (shown) stage.report.command(node, line);
  const { stdout } = await shell(`${line}\necho $!`);
  const pid = Number(stdout);
  // As an interactive shell says it.
  if (shown) stage.report.output(`[1] ${pid}`);

  const log = async () => (await shell(`cat ${logPath(node)}`)).stdout;
  const proxy: KubeProxy = {
    node,
    pid,
    log,
    async logged(pattern) {
      const wait = [...waiting, logPath(node), String(pid), pattern.source, String(longestWait / 1_000)];
      const { stdout, stderr, exitCode } = await place.exec(wait, { allowFailure: true });
      if (exitCode === 0) return stdout;
      throw new Error(
        `kube-proxy on ${node} has not logged ${pattern} ${stderr.trim()}; its log:\n${stdout}`,
      );
    },
    async kill() {
      stage.report.command(node, `kill ${pid}`);
      await place.exec([...ending, String(pid)]);
    },
  };
  await proxy.logged(inStep);
  return proxy;
}
