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

/** What it logs when the first rules are written and its ports are open. */
const inStep = /in step with the API/;

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

/** `/run` is one for all nodes. */
const logPath = (node: string) => `/run/kube-proxy-${node}.log`;

async function start(
  stage: Stage,
  node: string,
  flags: readonly string[],
  shown: boolean,
): Promise<KubeProxy> {
  const place = stage.cluster.node(node);
  const shell = (script: string) => place.exec(['sh', '-c', script]);
  const line = `v9s kube-proxy ${flags.join(' ')} >${logPath(node)} 2>&1 &`;
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
      const deadline = performance.now() + longestWait;
      for (;;) {
        const { stdout: seen } = await shell(
          `kill -0 ${pid} 2>/dev/null; echo $?; sleep 0.05; cat ${logPath(node)}`,
        );
        const runs = seen.startsWith('0\n');
        const text = seen.slice(seen.indexOf('\n') + 1);
        if (pattern.test(text)) return text;
        const why = runs ? `after ${longestWait / 1_000} s` : 'and has ended';
        if (!runs || performance.now() > deadline)
          throw new Error(`kube-proxy on ${node} has not logged ${pattern} ${why}; its log:\n${text}`);
      }
    },
    async kill() {
      stage.report.command(node, `kill ${pid}`);
      await shell(`kill ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.02; done`);
    },
  };
  await proxy.logged(inStep);
  return proxy;
}
