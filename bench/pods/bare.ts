import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createKernel } from '../../kernel/run.ts';
import { attachCommands, podCommands } from '../../node-agent/network/plan.ts';
import { terminationLog } from '../../node-agent/runtime/paths.ts';
import { createStarter, helperProgram } from '../../node-agent/runtime/starter.ts';
import { inSandbox } from './sandbox.ts';

/** Milliseconds a pod, of all pods together on all cores. */
export interface NetworkFigures {
  /** `ip netns add`, in one `ip -batch`. */
  netns: number;
  /** A pair each, one end a port of a bridge, in one `ip -batch`. */
  links: number;
  /** Links up, address, routes: an `ip -batch` in each namespace, as many at a time as there are cores. */
  addresses: number;
}

/** A bridge takes 1,023 ports. */
const podsPerBridge = 250;

/** What `ip` alone takes for the network of so many pods. `folder` is for its batches. */
export async function measureNetwork(count: number, folder: string): Promise<NetworkFigures> {
  const pods = Array.from({ length: count }, (_, index) => index);
  const bridgeOf = (pod: number) => Math.floor(pod / podsPerBridge);
  const write = (file: string, lines: readonly string[]) =>
    writeFileSync(join(folder, file), `${lines.join('\n')}\n`);
  mkdirSync(join(folder, 'batches'));
  write(
    'bridges',
    Array.from({ length: bridgeOf(count - 1) + 1 }, (_, index) => `link add br${index} up type bridge`),
  );
  write(
    'netns',
    pods.map((pod) => `netns add p${pod}`),
  );
  write(
    'links',
    pods.flatMap((pod) =>
      attachCommands(
        { netns: `p${pod}`, veth: `v${pod}`, ips: [] },
        { name: `br${bridgeOf(pod)}`, mtu: 1450 },
      ).filter((line) => !line.startsWith('netns')),
    ),
  );
  for (const pod of pods) {
    const ips = [`10.244.${bridgeOf(pod)}.${(pod % podsPerBridge) + 2}`];
    const cidrs = [`10.244.${bridgeOf(pod)}.0/24`];
    write(`batches/${pod}`, podCommands({ netns: '', veth: '', ips }, cidrs, ['10.244.0.0/16']));
  }
  const script = `mount -t tmpfs tmpfs /run && mkdir /run/netns && cd "$1" && ip -batch bridges
date +%s%N; ip -batch netns; date +%s%N; ip -batch links; date +%s%N
seq 0 ${count - 1} | xargs -P ${availableParallelism()} -I{} nsenter --net=/run/netns/p{} ip -batch batches/{}
date +%s%N`;
  const { stdout } = await inSandbox('sh', ['-ec', script, 'sh', folder]);
  const [began = 0, netns = 0, links = 0, ended = 0] = stdout.trim().split('\n').map(Number);
  const each = (from: number, to: number) => (to - from) / 1e6 / count;
  return { netns: each(began, netns), links: each(netns, links), addresses: each(links, ended) };
}

/** The files of a container that runs in a lab, to start the same without a cluster. */
export interface Sample {
  /** Its pod's folder, as the lab sees it. */
  dir: string;
  /** PID 1 of the lab. */
  init: number;
}

/** Milliseconds a container takes by itself, its shim included: no API, no network, all cores at work. */
export async function measureContainers(
  { dir, init }: Sample,
  count: number,
  folder: string,
): Promise<number> {
  const copy = join(folder, 'pod');
  cpSync(`/proc/${init}/root${dir}`, copy, {
    recursive: true,
    filter: (path) => !/\/(ns|attach)$/.test(path),
  });
  const container = join('containers', readdirSync(join(copy, 'containers'))[0] ?? '');
  const plan = readFileSync(join(copy, container, '0/plan'), 'utf8').replace(/^ns\t.*\n/gm, '');
  for (let index = 0; index < count; index++) {
    const own = join(folder, String(index));
    mkdirSync(join(own, container, '0'), { recursive: true });
    mkdirSync(join(own, 'ns'));
    writeFileSync(join(own, container, '0', terminationLog), '');
    const text = plan
      .replaceAll(/^notify\t.*$/gm, `notify\t${own}/notify`)
      .replaceAll(`${dir}/etc`, `${copy}/etc`)
      .replaceAll(`${dir}/volumes`, `${copy}/volumes`)
      .replaceAll(dir, own);
    writeFileSync(join(own, 'plan'), text);
  }
  const program = join(import.meta.dirname, '../run.ts');
  const { stdout } = await inSandbox(process.execPath, [program, 'pods', 'inside', folder, String(count)]);
  return Number(stdout) / count;
}

/** In a sandbox: carries out the plans of {@link measureContainers}; milliseconds for all. */
export async function startContainers(folder: string, count: number): Promise<number> {
  const start = createStarter(createKernel({ helper: helperProgram() }));
  let next = 0;
  const began = performance.now();
  const worker = async () => {
    while (next < count) await start(join(folder, String(next++), 'plan'));
  };
  await Promise.all(Array.from({ length: 4 * availableParallelism() }, worker));
  return performance.now() - began;
}
