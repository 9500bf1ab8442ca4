import { expect, test } from 'vitest';
import { contains, parseCidr } from '../../api/address.ts';
import { resources } from '../../api/scheme.ts';
import type { Node, Pod } from '../../api/types.ts';
import { attachLab, type Lab } from '../../lab/handle.ts';
import { startCluster } from '../cluster.ts';
import type { Cluster } from '../handle.ts';

export interface ManyPodsOptions {
  nodes: number;
  pods: number;
  /** Of the choice from where each pod is asked. */
  seed: number;
  /** Milliseconds until all are Running, and until all are gone. */
  patience: number;
  /**
   * How often a question is asked again that had no answer. The kernel has room for 1,024 neighbours of all network
   * namespaces together: from 33 nodes on, those that all ask all others wait for some to be forgotten. Default 0.
   */
  retries?: number;
}

/**
 * A Deployment on many nodes: each pod has an address of its node that nobody else has, and answers another node with its own
 * name; and when it is deleted nothing is left of it.
 */
export function describeManyPods({ nodes, pods, seed, patience, retries = 0 }: ManyPodsOptions): void {
  test(
    `${pods} pods on ${nodes} nodes answer, have addresses of their own, and leave nothing (seed ${seed})`,
    async () => {
      await using cluster = await startCluster({ name: 'many', nodes });
      const lab = await attachLab(cluster.stateDir);
      if (!lab) throw new Error('the lab has ended');
      await cluster.waitFor('pods', 'Ready', { namespace: 'kube-system', timeout: patience });
      const before = await leftovers(lab, cluster);

      await cluster.apply([deployment(pods)]);
      const running = await cluster.waitFor<Pod>('pods', (all) => all.filter(isReady).length === pods, {
        labelSelector: 'app=many',
        timeout: patience,
      });
      await checkAddresses(cluster, running);
      await askAll(cluster, running, createRandom(seed), retries);
      // A namespace, two mounts beside it, a folder, an address, a link, a neighbour, a shim and a program each.
      const during = await leftovers(lab, cluster);
      expect(during.length - before.length).toBeGreaterThanOrEqual(9 * pods);

      await cluster.client.delete(
        resources.deployments,
        { namespace: 'default', name: 'many' },
        { propagationPolicy: 'Background' },
      );
      await cluster.waitFor('pods', (all) => all.length === 0, {
        labelSelector: 'app=many',
        timeout: patience,
      });
      await expect.poll(() => leftovers(lab, cluster), { timeout: patience, interval: 200 }).toEqual(before);
    },
    120_000 + 3 * patience,
  );
}

const deployment = (replicas: number) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'many' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'many' } },
    template: {
      metadata: { labels: { app: 'many' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          { name: 'main', image: 'registry.k8s.io/serve_hostname', ports: [{ containerPort: 9376 }] },
        ],
      },
    },
  },
});

const isReady = ({ status }: Pod) =>
  (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');

const addressOf = ({ status }: Pod) => status?.podIP ?? '';
const nodeOf = ({ spec }: Pod) => spec?.nodeName ?? '';

async function checkAddresses({ client }: Cluster, pods: readonly Pod[]): Promise<void> {
  const nodes = (await client.list<Node>(resources.nodes)).items;
  const cidrs = new Map(nodes.map(({ metadata, spec }) => [metadata?.name, parseCidr(spec?.podCIDR ?? '')]));
  const strangers = pods.filter((pod) => {
    const cidr = cidrs.get(nodeOf(pod));
    return !cidr || !contains(cidr, addressOf(pod));
  });
  expect(strangers.map(({ metadata }) => metadata?.name)).toEqual([]);
  expect(new Set(pods.map(addressOf)).size).toBe(pods.length);
}

/** Each pod from one node that is not its own; one process a node asks all of its pods, one after the other. */
async function askAll(
  cluster: Cluster,
  pods: readonly Pod[],
  random: () => number,
  retries: number,
): Promise<void> {
  const names = cluster.spec.nodes.map(({ name }) => name);
  const from = Map.groupBy(pods, (pod) => {
    const others = names.filter((name) => name !== nodeOf(pod));
    return others[Math.floor(random() * others.length)] ?? '';
  });
  const again = retries > 0 ? ['--retry', String(retries), '--retry-all-errors', '--retry-delay', '2'] : [];
  for (const [node, asked] of from) {
    const urls = asked.map((pod) => `http://${addressOf(pod)}:9376/`);
    const { stdout } = await cluster
      .node(node)
      .exec(['curl', '-s', ...again, '--max-time', '20', '-w', '\n', ...urls]);
    expect(stdout.split('\n').filter(Boolean)).toEqual(asked.map(({ metadata }) => metadata?.name));
  }
}

/** All that pods could leave behind, by name. Rules of Services come and go with others. */
async function leftovers(lab: Lab, { spec }: Cluster): Promise<string[]> {
  const script = `
ls /run/netns | sed 's/^/netns /'
grep -o ' /run/[^ ]*' /proc/mounts | sed 's/^/mount /'
for folder in pods exits networks/cbr0; do ls -d /run/v9s/nodes/*/$folder/* 2>/dev/null; done | grep -v last_reserved
for node in "$@"; do
  nsenter --net=/run/netns/$node ip neighbour show nud permanent dev cni0 2>/dev/null | sed "s/^/$node neighbour /"
  nsenter --net=/run/netns/$node ip -o link | sed -E "s/^[0-9]+: ([^:@]+).*/$node link \\1/"
  nsenter --net=/run/netns/$node iptables-save | grep '^-A' | grep -v -- '^-A KUBE-' | sed "s/^/$node rule /"
done
for process in /proc/[0-9]*; do tr '\\0' ' ' < $process/cmdline; echo; done 2>/dev/null | grep -E '^v9s-shim|[s]erve_hostname' | sort
`;
  const { stdout, stderr, exitCode } = await lab.enter([
    'sh',
    '-c',
    script,
    'sh',
    ...spec.nodes.map(({ name }) => name),
  ]);
  if (exitCode > 1) throw new Error(stderr);
  return stdout.split('\n').filter(Boolean);
}

/** Numbers in [0, 1) that are the same for the same seed: mulberry32. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
