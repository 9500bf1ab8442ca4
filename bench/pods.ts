/**
 * Many pods: a Deployment of so many replicas on so many nodes, from its creation until each pod is Running and has
 * answered another node, and until nothing is left of them; what that costs, step by step and in memory; and beside it
 * the limit: `ip -batch` with the same network, and the same containers started without a cluster.
 *
 *     npm run bench -- pods [--nodes 50] [--pods 1000] [--image registry.k8s.io/pause:3.10] [--port 9]
 *
 * A pod in which nobody listens on the port 9 answers too: its own network stack says so.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startInformer } from '../api/informer.ts';
import { resources } from '../api/scheme.ts';
import type { CoreEvent, Pod } from '../api/types.ts';
import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/handle.ts';
import { attachLab, type Lab } from '../lab/handle.ts';
import { nodeRunDir, podDir } from '../node-agent/runtime/paths.ts';
import { measureContainers, measureNetwork, startContainers } from './pods/bare.ts';
import { cpuByKind, memoryByKind, neighbourTableFull, netnsOf } from './pods/processes.ts';
import { startProber } from './pods/reach.ts';
import { type Figures, printFigures, type Times } from './pods/report.ts';
import { measureApi, measureScheduler } from './pods/steps.ts';

interface Wanted {
  nodes: number;
  pods: number;
  image: string;
  port: number;
}

export async function bench(args: readonly string[]): Promise<void> {
  if (args[0] === 'inside') {
    console.log(await startContainers(args[1] ?? '', Number(args[2])));
    // The containers end with the sandbox.
    process.exit(0);
  }
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string', default: '50' },
      pods: { type: 'string', default: '1000' },
      image: { type: 'string', default: 'registry.k8s.io/pause:3.10' },
      port: { type: 'string', default: '9' },
    },
  });
  const { image } = values;
  const wanted = { nodes: Number(values.nodes), pods: Number(values.pods), port: Number(values.port), image };
  const began = performance.now();
  const say = (text: string) =>
    process.stderr.write(`${((performance.now() - began) / 1_000).toFixed(0).padStart(4)} s  ${text}\n`);
  printFigures(await measure(wanted, say));
}

async function measure(wanted: Wanted, say: (text: string) => void): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'v9s-bench-'));
  try {
    say('the network alone, by ip');
    const network = await measureNetwork(wanted.pods, folder);
    say('writes to an API alone');
    const api = await measureApi();
    const scheduler = measureScheduler(wanted.nodes, wanted.pods);
    say(`a cluster of ${wanted.nodes} nodes`);
    const began = performance.now();
    await using cluster = await startCluster({ name: 'bench', nodes: wanted.nodes });
    const start = performance.now() - began;
    const lab = await attachLab(cluster.stateDir);
    if (!lab) throw new Error('the lab has ended');
    await cluster.waitFor('pods', 'Ready', { namespace: 'kube-system', timeout: 120_000 });
    const before = {
      cpu: cpuByKind(lab.pid),
      memory: memoryByKind(lab.pid),
      free: freemem(),
      full: neighbourTableFull(),
    };
    say(`${wanted.pods} pods`);
    const { times, sample } = await createPods(cluster, lab, wanted, say);
    const after = {
      cpu: cpuByKind(lab.pid),
      memory: memoryByKind(lab.pid),
      free: freemem(),
      full: neighbourTableFull(),
    };
    say('their Events');
    const told = await untilTold(cluster, wanted.pods, lab);
    say('the containers alone');
    const containers = await measureContainers(
      { init: lab.pid, dir: podDir(nodeRunDir(sample.spec?.nodeName ?? ''), sample.metadata?.uid ?? '') },
      Math.min(wanted.pods, 200),
      folder,
    );
    say('deleting them');
    const removal = await deletePods(cluster, lab);
    return { ...wanted, start, network, api, scheduler, containers, times, before, after, told, removal };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const appLabel = 'app=bench';

async function createPods(
  { client, spec, apply }: Cluster,
  lab: Lab,
  { pods, image, port }: Wanted,
  say: (text: string) => void,
): Promise<{ times: Times; sample: Pod }> {
  const ending = new AbortController();
  const times: Times = { created: [], scheduled: [], running: [], reachable: [] };
  const seen = { created: new Set<string>(), scheduled: new Set<string>(), running: new Set<string>() };
  const [first = '', second = first] = spec.nodes.map(({ name }) => name);
  let began = 0;
  const now = () => performance.now() - began;
  const done = Promise.withResolvers<Pod>();
  let sample: Pod | undefined;
  const answered = () => {
    times.reachable.push(now());
    if (times.reachable.length === pods && sample) done.resolve(sample);
  };
  const probers = [first, second].map((node) => startProber(lab, node, port, answered));
  const timer = setInterval(() => say(`${times.running.length} Running`), 5_000);
  const late = setTimeout(
    () => done.reject(new Error(`after 300 s ${times.running.length} of ${pods} pods were Running`)),
    300_000,
  );
  try {
    const informer = startInformer(client, resources.pods, {
      namespace: 'default',
      labelSelector: appLabel,
      signal: ending.signal,
      onChange({ object: pod }) {
        const { uid = '' } = pod.metadata ?? {};
        const note = (what: keyof typeof seen, is: boolean) => {
          if (!is || seen[what].has(uid)) return false;
          seen[what].add(uid);
          times[what].push(now());
          return true;
        };
        note('created', true);
        note('scheduled', pod.spec?.nodeName !== undefined);
        if (!note('running', pod.status?.phase === 'Running')) return;
        sample ??= pod;
        // From another node than its own.
        probers[pod.spec?.nodeName === first ? 1 : 0]?.try(pod.status?.podIP ?? '');
      },
    });
    await informer.synced;
    began = performance.now();
    await apply([deployment(pods, image)]);
    return { times, sample: await done.promise };
  } finally {
    clearTimeout(late);
    clearInterval(timer);
    for (const prober of probers) prober.end();
    ending.abort();
  }
}

const deployment = (replicas: number, image: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'bench' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'bench' } },
    template: {
      metadata: { labels: { app: 'bench' } },
      spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image }] },
    },
  },
});

/** CPU once the last Event of all pods is written: they come after the pods. */
async function untilTold(cluster: Cluster, pods: number, lab: Lab): Promise<Map<string, number>> {
  const isLast = ({ reason, involvedObject }: CoreEvent) =>
    reason === 'Started' && involvedObject.name?.startsWith('bench-');
  await cluster.waitFor<CoreEvent>('events', (events) => events.filter(isLast).length === pods, {
    timeout: 120_000,
  });
  return cpuByKind(lab.pid);
}

/** Milliseconds until the API has none of them and no network namespace is left. */
async function deletePods(cluster: Cluster, lab: Lab): Promise<number> {
  const others = netnsOf(lab.pid).length - (await podCount(cluster));
  const began = performance.now();
  await cluster.client.delete(
    resources.deployments,
    { namespace: 'default', name: 'bench' },
    { propagationPolicy: 'Background' },
  );
  await cluster.waitFor('pods', async (pods) => pods.length === 0 && netnsOf(lab.pid).length <= others, {
    labelSelector: appLabel,
    timeout: 300_000,
  });
  return performance.now() - began;
}

async function podCount({ client }: Cluster): Promise<number> {
  return (await client.list(resources.pods, { namespace: 'default', labelSelector: appLabel })).items.length;
}
