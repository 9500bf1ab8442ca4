import { resources } from '../../api/scheme.ts';
import type { Place } from '../../cluster/handle.ts';
import type { Stage } from '../scenario.ts';
import { testEqualShares } from '../statistics.ts';
import type { Web } from './dataplanes.ts';

const requests = 60;

/** How often the test may fail although the shares are equal: once in a million runs. */
const falseAlarmRate = 1e-6;

export interface Answers {
  /** By pod. */
  readonly counts: readonly number[];
  /** What the pods take a pod, a node and somebody outside for. */
  readonly seen: readonly string[];
}

/** Who answers, and which source address the pods see: the same in every mode. */
export async function answers(stage: Stage, mode: string, web: Web): Promise<Answers> {
  const { report, cluster } = stage;
  const names = web.pods.map(({ metadata }) => metadata?.name ?? '');
  const line = `curl -s -H 'Connection: close' 'http://${web.clusterIp}/?[1-${requests}]'`;
  report.command('client', line);
  const { stdout } = await cluster.pod('client').exec(['sh', '-c', line]);
  const answered = stdout.split('\n').filter(Boolean);
  const counts = names.map((name) => answered.filter((answer) => answer === name).length);
  report.output(names.map((name, index) => `${String(counts[index]).padStart(5)}  ${name}`).join('\n'));
  const total = counts.reduce((sum, count) => sum + count, 0);
  report.check(
    `${requests} answers, in equal shares`,
    total === requests && testEqualShares(counts).probability >= falseAlarmRate,
    counts.join(', '),
  );
  // A mode that comes twice has other lines in the logs the second time.
  const seen = await sources(stage, `${mode.replace(/\W+/g, '-')}-${Date.now()}`, web);
  return { counts, seen };
}

/** Somebody who asks, and as whom the pods may see him. */
interface Asker {
  name: string;
  at: Place;
  url: string;
  seenAs: string;
  mayBe: readonly string[];
}

async function sources({ report, cluster }: Stage, tag: string, web: Web): Promise<string[]> {
  const { items } = await cluster.client.list(resources.nodes);
  const [first, last] = [cluster.spec.nodes[0], cluster.spec.nodes.at(-1)];
  /** Its own, and those of flannel.1 and cni0. */
  const addressesOf = (name = '') => {
    const cidr = items.find(({ metadata }) => metadata?.name === name)?.spec?.podCIDR ?? '';
    const network = cidr.replace(/\.0\/24$/, '');
    const own = cluster.spec.nodes.find((node) => node.name === name)?.address ?? '';
    return [own, `${network}.0`, `${network}.1`];
  };
  const asker = await cluster.client.get(resources.pods, { name: 'client', namespace: 'default' });
  const service = `http://${web.clusterIp}/`;
  const askers: Asker[] = [
    {
      name: 'pod',
      at: cluster.pod('client'),
      url: service,
      seenAs: 'itself',
      mayBe: [asker.status?.podIP ?? ''],
    },
    {
      name: 'node',
      at: cluster.node(first?.name ?? ''),
      url: service,
      seenAs: 'an address of the node',
      mayBe: addressesOf(first?.name),
    },
    {
      name: 'outside',
      at: cluster.node('outside'),
      url: `http://${last?.address}:${web.nodePort}/`,
      seenAs: 'an address of the node that it asked',
      mayBe: addressesOf(last?.name),
    },
  ];
  for (const { name, at, url } of askers) await at.exec(['curl', '-s', `${url}?${tag}-${name}`]);
  // nginx' access logs of all nodes: a lab has one /run. A line may take a moment to get there.
  const lines = `grep -h '/?${tag}-' /run/v9s/nodes/*/pods/*/containers/nginx/*.log`;
  const all = `i=0; until [ "$(${lines} | wc -l)" -ge ${askers.length} ] || [ $i = 100 ]; do sleep 0.1; i=$((i+1)); done`;
  const logs = await cluster.node('outside').exec(['sh', '-c', `${all}; ${lines}`]);
  const seen = askers.map(({ name }) => {
    const pattern = new RegExp(`^\\S+ stdout F (\\S+) .*/\\?${tag}-${name} `, 'gm');
    return [...logs.stdout.matchAll(pattern)].at(-1)?.[1] ?? 'nobody';
  });
  report.check(
    `the pods see ${askers.map(({ name, seenAs }, index) => `${wording[name]} as ${seenAs} (${seen[index]})`).join(', ')}`,
    askers.every(({ mayBe }, index) => mayBe.includes(seen[index] ?? '')),
    askers
      .map(({ name, mayBe }, index) => `${name}: ${seen[index]}, not one of ${mayBe.join(' ')}`)
      .join('; '),
  );
  return seen;
}

const wording: Record<string, string> = { pod: 'a pod', node: 'a node', outside: 'who comes from outside' };
