import { proxyConfiguration } from '../dataplane/configuration.ts';
import type { Dataplane, SyncResult } from '../dataplane/dataplane.ts';
import { createModel, type Model } from '../dataplane/model/model.ts';
import { loadMode } from '../dataplane/modes.ts';
import { nodeFacts } from '../dataplane/node.ts';
import { service, slice } from '../dataplane/testing/objects.ts';
import { nodeIp, startTestNode } from '../dataplane/testing/sandbox.ts';
import { type Command, createKernel, type Kernel } from '../kernel/run.ts';
import { median, table } from './statistics.ts';

/** What can be measured, by name on the command line. */
const backends: Readonly<Record<string, { mode: string; layout?: string; bare?: readonly string[] }>> = {
  iptables: { mode: 'iptables', bare: ['iptables-restore', '--noflush', '--wait', '5'] },
  'nftables-upstream': { mode: 'nftables', bare: ['nft', '-f', '-'] },
  'nftables-flat': { mode: 'nftables', layout: 'flat', bare: ['nft', '-f', '-'] },
  ipvs: { mode: 'ipvs' },
};
const unasked = ['iptables', 'nftables-upstream', 'nftables-flat'];
const sizes = [10, 1_000, 5_000, 10_000];
const repeats = 7;

/**
 * `npm run bench -- dataplane [BACKEND,…] [N,…]`: from nothing to N Services of three endpoints, one more Service,
 * one more endpoint; each beside the bare commands with the same lines. In a lab's kind of namespaces, in
 * which a process of the kind that runs on nodes does the work; nothing else should run meanwhile.
 */
export async function bench([names, counts, inside]: readonly string[]): Promise<void> {
  if (inside === 'inside') return measure(names ?? '', Number(counts));
  const rows: [string, ...string[]][] = [
    ['', 'N', 'load', 'bare', 'Service', 'bare', 'endpoint', 'bare', 'text', 'CPU', 'MB'],
  ];
  for (const name of names?.split(',') ?? unasked)
    for (const count of counts?.split(',') ?? sizes.map(String)) {
      await using node = await startTestNode();
      const args = [
        import.meta.filename.replace(/dataplane\.ts$/, 'run.ts'),
        'dataplane',
        name,
        count,
        'inside',
      ];
      const { stdout } = await node.kernel.run(process.execPath, args);
      rows.push([name, ...(JSON.parse(stdout) as string[])]);
      console.error(`${name} ${stdout.trim()}`);
    }
  console.log(table(rows));
  console.log(
    'load in seconds, one Service and one endpoint more in milliseconds, text of an endpoint in bytes;',
  );
  console.log(
    'CPU: milliseconds of this process for one change; bare: the same lines through the bare command.',
  );
}

async function measure(name: string, count: number): Promise<void> {
  const backend = backends[name];
  if (!backend)
    throw new Error(`no backend ${JSON.stringify(name)}; there are ${Object.keys(backends).join(', ')}`);
  const writes: Command[] = [];
  const plain = createKernel();
  const recording: Kernel = {
    ...plain,
    async run(file, args, options) {
      const output = await plain.run(file, args, options);
      // What a kernel refused as too long is no part of what is needed.
      if (options?.input !== undefined) writes.push({ file, args, input: options.input });
      return output;
    },
  };
  const create = await loadMode(backend.mode);
  const configuration = proxyConfiguration({
    mode: backend.mode,
    clusterCIDR: '10.244.0.0/16',
    ...(backend.layout ? { nftables: { layout: backend.layout } } : {}),
  });
  const newDataplane = () => create({ kernel: recording, family: 'IPv4', configuration });
  const bare = (commands: readonly Command[]) =>
    timed(async () => {
      for (const { file, args, input = '' } of commands) await plain.run(file, args, { input });
    });
  const recorded = async (work: () => Promise<SyncResult>) => {
    writes.length = 0;
    let result: SyncResult | undefined;
    const milliseconds = await timed(async () => {
      result = await work();
    });
    return { milliseconds, commands: [...writes], text: result?.text ?? '' };
  };
  // A change may have gone to a process that stays; what is needed at least is one of its own for the same lines.
  const [file = '', ...args] = backend.bare ?? [];
  const alone = ({ commands, text }: { commands: readonly Command[]; text: string }) =>
    bare(file ? [{ file, args, input: text }] : commands);

  const model = createModel('IPv4', 'worker');
  for (let i = 0; i < count; i++) setService(model, i);
  let dataplane = newDataplane();
  const node = nodeFacts('worker', undefined, { ips: [nodeIp] });
  const sync = (to: Dataplane = dataplane) => to.sync({ rows: model.rows(), node });
  // An empty kernel may still lack the hooks, and the tools their pages in memory.
  await createEmpty(dataplane, node);
  dataplane = newDataplane();
  const load = await recorded(() => sync());
  await dataplane.cleanup();
  const bareLoad = await bare(load.commands);
  dataplane = newDataplane();
  await sync();

  const change = async (go: () => void, back: () => void) => {
    const [ours, theirs, cpu]: number[][] = [[], [], []];
    let bytes = 0;
    for (let i = 0; i < repeats; i++) {
      const before = process.cpuUsage();
      const there = await recorded(() => {
        go();
        return sync();
      });
      const { user, system } = process.cpuUsage(before);
      const home = await recorded(() => {
        back();
        return sync();
      });
      ours?.push(there.milliseconds);
      cpu?.push((user + system) / 1_000);
      theirs?.push(await alone(there));
      await alone(home);
      bytes = there.text.length;
    }
    return { ours: median(ours ?? []), theirs: median(theirs ?? []), cpu: median(cpu ?? []), bytes };
  };
  const one = await change(
    () => setService(model, count),
    () => model.setService(keyOf(count), undefined),
  );
  const endpoint = await change(
    () => setEndpoints(model, 0, 4),
    () => setEndpoints(model, 0, 3),
  );
  const seconds = (milliseconds: number) => (milliseconds / 1_000).toFixed(2);
  const tenth = (milliseconds: number) => milliseconds.toFixed(1);
  const memory = (process.memoryUsage().rss / 2 ** 20).toFixed(0);
  console.log(
    JSON.stringify([
      String(count),
      seconds(load.milliseconds),
      seconds(bareLoad),
      ...[one, endpoint].flatMap(({ ours, theirs }) => [tenth(ours), tenth(theirs)]),
      String(endpoint.bytes),
      tenth(endpoint.cpu),
      memory,
    ]),
  );
}

async function createEmpty(dataplane: Dataplane, node: ReturnType<typeof nodeFacts>): Promise<void> {
  await dataplane.sync({ rows: new Map(), node });
  await dataplane.cleanup();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const keyOf = (i: number) => `ns/s${i}`;

function setService(model: Model, i: number): void {
  const clusterIP = `10.96.${(i + 1) >> 8}.${(i + 1) & 255}`;
  model.setService(keyOf(i), service(keyOf(i), { clusterIP, ports: [{ name: 'p80', port: 80 }] }));
  setEndpoints(model, i, 3);
}

function setEndpoints(model: Model, i: number, count: number): void {
  const addresses = Array.from({ length: count }, (_, k) => {
    const n = i * 4 + k;
    return `10.244.${(n >> 8) & 255}.${n & 255}`;
  });
  model.setSlice(`${keyOf(i)}-a`, slice(keyOf(i), addresses, { port: 9376 }));
}
