import { setTimeout as delay } from 'node:timers/promises';
import { answerOf, requestBackend } from '../http/backend.ts';
import type { Kubelets } from '../http/kubelet.ts';

/** Seconds of CPU time and bytes of memory, as they are counted. */
export interface Counted {
  cpu: number;
  memory: number;
  /** When it began, where that is known (ms). */
  started?: number;
}

/** What a kubelet told at one moment (ms); containers by `namespace/pod/container`. */
export interface Scrape {
  at: number;
  node: Counted;
  containers: ReadonlyMap<string, Counted>;
}

/** Two looks, between which the rates are. */
export interface Interval {
  before: Scrape;
  after: Scrape;
}

/** So old (ms) may an answer be. Upstream: metrics-server's `--metric-resolution`, 15 s. */
const fresh = 10_000;
/** What is older than that (ms) says nothing of now. */
const stale = 120_000;
/** The shortest time (ms) over which CPU time makes a rate. */
const shortest = 1_000;

/** Asks kubelets when somebody asks it; who asks first waits for a second look. */
export type Sampler = (node: string) => Promise<Interval>;

export function createSampler(kubelets: Kubelets): Sampler {
  const intervals = new Map<string, Interval>();
  const running = new Map<string, Promise<Interval>>();

  async function look(node: string): Promise<Interval> {
    const last = intervals.get(node)?.after;
    const now = Date.now();
    let before = last && now - last.at < stale ? last : undefined;
    before ??= await scrape(kubelets, node);
    await delay(Math.max(0, before.at + shortest - Date.now()));
    const interval = { before, after: await scrape(kubelets, node) };
    intervals.set(node, interval);
    return interval;
  }

  return (node) => {
    const known = intervals.get(node);
    if (known && Date.now() - known.after.at < fresh) return Promise.resolve(known);
    const begun = running.get(node) ?? look(node).finally(() => running.delete(node));
    running.set(node, begun);
    return begun;
  };
}

async function scrape(kubelets: Kubelets, node: string): Promise<Scrape> {
  const backend = kubelets(node);
  const outgoing = requestBackend(backend, { method: 'GET', path: '/metrics/resource', headers: {} });
  outgoing.end();
  const answer = await answerOf(outgoing, backend);
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  if (answer.statusCode !== 200) {
    throw new Error(`the kubelet of ${node} answered ${answer.statusCode}: ${text.slice(0, 200)}`);
  }
  return parseScrape(text, Date.now());
}

/** Reads `/metrics/resource`: `container_cpu_usage_seconds_total{container="c",namespace="n",pod="p"} 1.5 1700000000000`. */
export function parseScrape(text: string, now: number): Scrape {
  const containers = new Map<string, Counted>();
  const node: Counted = { cpu: 0, memory: 0 };
  let at = now;
  const line =
    /^(node|container)_(cpu_usage_seconds_total|memory_working_set_bytes|start_time_seconds)(?:\{([^}]*)\})? (\S+)(?: (\d+))?$/gm;
  for (const [, of, what, list = '', value, time] of text.matchAll(line)) {
    const labels = Object.fromEntries(
      [...list.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', label = '']) => [name, label]),
    );
    const key = `${labels.namespace}/${labels.pod}/${labels.container}`;
    const counted = of === 'node' ? node : (containers.get(key) ?? { cpu: 0, memory: 0 });
    if (of === 'container') containers.set(key, counted);
    if (what === 'cpu_usage_seconds_total') counted.cpu = Number(value);
    else if (what === 'memory_working_set_bytes') counted.memory = Number(value);
    else counted.started = Number(value) * 1000;
    if (time) at = Number(time);
  }
  return { at, node, containers };
}
