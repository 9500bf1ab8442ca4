import { startTestApiserver, type TestApiserver } from '../apiserver/testing/apiserver.ts';
import { startTestNode, type TestNode } from '../dataplane/testing/sandbox.ts';
import { probeFeatures } from '../kernel/features.ts';
import { CommandError, type Kernel } from '../kernel/run.ts';
import { backendOf, backends } from './dataplane/backends.ts';
import { connectionsPerSecond, startServers } from './dataplane/connections.ts';
import { addressOf, objectsOf, podAddress, podPort, servicePort } from './dataplane/objects.ts';
import { printFigures } from './dataplane/report.ts';
import { measureSync, type SyncFigures } from './dataplane/sync.ts';
import { type ApiFigures, measureThroughApi } from './dataplane/throughapi.ts';

/** All that is known of one backend at one size. */
export interface Figures {
  readonly name: string;
  readonly count: number;
  readonly sync: SyncFigures;
  readonly api: ApiFigures;
  /** TCP connections a second. */
  readonly connections: {
    /** To a pod, before there was any rule, and with all of them. */
    readonly bare: number;
    readonly pod: number;
    /** Through the first and the last Service. */
    readonly first: number;
    readonly last: number;
  };
}

const sizes = [10, 1_000, 5_000, 10_000];

/**
 * `npm run bench -- dataplane [BACKEND,…] [N,…]`: N Services of three endpoints from nothing, one Service and one
 * endpoint more, by the dataplane alone and from an API's answer on, each beside the bare command with the same
 * lines; then connections. In a lab's kind of namespaces; nothing else should run meanwhile. Figures go to standard
 * output, progress to standard error. Without arguments: every backend of this kernel, up to 10,000 Services.
 */
export async function bench([names, counts, ...inside]: readonly string[]): Promise<void> {
  if (names === 'inside') return measureInside([counts ?? '', ...inside]);
  const began = performance.now();
  const say = (text: string) =>
    process.stderr.write(`${((performance.now() - began) / 1_000).toFixed(0).padStart(4)} s  ${text}\n`);
  const chosen = names ? names.split(',') : await backendsHere(say);
  chosen.forEach(backendOf);
  const all: Figures[] = [];
  for (const count of counts ? counts.split(',').map(Number) : sizes) {
    say(`an API with ${count} Services`);
    const api = await startTestApiserver({ initialObjects: objectsOf(count) });
    try {
      for (const name of chosen)
        try {
          all.push(await figuresOf(name, count, api, (text) => say(`${name}, ${count} Services: ${text}`)));
        } catch (error) {
          // What one backend cannot do is no reason to have no figures of the others.
          if (!(error instanceof CommandError)) throw error;
          say(`${name}, ${count} Services: left out: ${error.stderr.trim() || error.message}`);
        }
    } finally {
      await api.stop();
    }
  }
  printFigures(all);
}

async function figuresOf(
  name: string,
  count: number,
  { socket }: TestApiserver,
  say: (text: string) => void,
): Promise<Figures> {
  await using node = await startTestNode();
  await startServers(node);
  const bare = await connectionsPerSecond(node, podAddress, podPort);
  say('writing rules');
  const sync = await runInside<SyncFigures>(node, 'sync', name, String(count));
  say(`${(sync.load / 1_000).toFixed(2)} s from nothing; connecting`);
  const rate = (address: string, port: number) => connectionsPerSecond(node, address, port);
  const connections = {
    bare,
    pod: await rate(podAddress, podPort),
    first: await rate(addressOf(0), servicePort),
    last: await rate(addressOf(count - 1), servicePort),
  };
  say('following the API');
  const api = await runInside<ApiFigures>(node, 'api', name, String(count), socket);
  return { name, count, sync, api, connections };
}

/** This file again, as a process on the node. */
async function runInside<T>({ kernel }: { kernel: Kernel }, ...args: string[]): Promise<T> {
  const program = import.meta.filename.replace(/dataplane\.ts$/, 'run.ts');
  const { stdout } = await kernel.run(process.execPath, [program, 'dataplane', 'inside', ...args]);
  return JSON.parse(stdout) as T;
}

async function measureInside([what, name = '', count, socket = '']: readonly string[]): Promise<void> {
  const figures =
    what === 'sync'
      ? await measureSync(name, Number(count))
      : await measureThroughApi(name, Number(count), socket);
  console.log(JSON.stringify(figures));
}

/** All that this kernel can carry; what it cannot is told. */
async function backendsHere(say: (text: string) => void): Promise<string[]> {
  const { missing } = await probeFeatures();
  const found: string[] = [];
  for (const [name, { mode, tools }] of Object.entries(backends)) {
    const why = mode === 'ipvs' ? (missing.ip_vs ?? missing.ip_set ?? missing.dummy) : undefined;
    if (why) say(`${name}: left out: ${why}; try npm run guest -- npm run bench -- dataplane ipvs`);
    else if (await works(mode, tools)) found.push(name);
    else say(`${name}: left out: its tools do not work here`);
  }
  return found;
}

async function works(mode: string, tools: string | undefined): Promise<boolean> {
  await using node: TestNode = await startTestNode();
  try {
    if (mode === 'iptables') await node.kernel.run(`iptables-${tools}`, ['-t', 'nat', '-S']);
    if (mode === 'nftables') await node.kernel.run('nft', ['add', 'table', 'ip', 'bench']);
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}
