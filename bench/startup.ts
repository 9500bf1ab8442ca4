/**
 * From nothing to a reachable application: `v9s up`, the hostnames Deployment and Service, the first answer
 * through the ClusterIP; with the share of each stage, the memory of the whole lab, and beside it what the
 * kernel alone takes for the same network (the limit) and what an empty Node.js costs.
 *
 *     npm run bench -- startup [RUNS]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attachCluster } from '../cluster/cluster.ts';
import { packageRoot } from '../kernel/package-root.ts';
import { labMemory } from './memory.ts';
import { median, table } from './statistics.ts';

const manifest = ['service', 'deployment']
  .map((name) => readFileSync(join(packageRoot, `scenarios/hostnames/${name}.yaml`), 'utf8'))
  .join('---\n');

interface Run {
  /** Milliseconds of each stage, in order. */
  stages: Map<string, number>;
  total: number;
  /** PSS of the lab, bytes. */
  memory: number;
  largest: string[];
}

async function measure(): Promise<Run> {
  const name = `bench-${process.pid}`;
  const stages = new Map<string, number>();
  let last = performance.now();
  const began = last;
  const stage = (text: string) => {
    stages.set(text, performance.now() - last);
    last = performance.now();
  };

  await run(process.execPath, [join(packageRoot, 'dist/v9s.js'), 'up', '--name', name]);
  stage('v9s up: API answers, two nodes Ready');
  const cluster = await attachCluster(name);
  try {
    await cluster.apply(manifest);
    stage('Deployment and Service accepted');
    const service = await cluster.client.request<{ spec: { clusterIP: string } }>(
      'GET',
      '/api/v1/namespaces/default/services/hostnames',
    );
    const url = `http://${service.spec.clusterIP}`;
    // One curl that tries until it is answered: the first success is what a user would see.
    const patient = `until curl -fs --max-time 1 ${url} >/dev/null; do :; done`;
    await cluster.node('control-plane').exec(['sh', '-c', patient]);
    stage('first answer through the ClusterIP');
    const total = performance.now() - began;
    await cluster.waitFor('pods', 'Ready', { namespace: 'kube-system' });
    await cluster.waitFor('deployment/hostnames', 'Available');
    const memory = labMemory(JSON.parse(readFileSync(join(cluster.stateDir, 'lab.json'), 'utf8')).init.pid);
    return {
      stages,
      total,
      memory: memory.reduce((sum, { pss }) => sum + pss, 0),
      largest: memory.slice(0, 8).map(({ command, pss }) => `${megabytes(pss).padStart(5)} MB  ${command}`),
    };
  } finally {
    await cluster.stop();
    rmSync(cluster.stateDir, { recursive: true, force: true });
  }
}

const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);

/** What the kernel takes for two nodes, vxlan, three pods and the NAT rules, from a plain shell script. */
const kernelScript = `
mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/lock
ip link add underlay type bridge && ip addr add 172.18.0.1/16 dev underlay && ip link set underlay up
for n in 0 1; do
  ip netns add n$n
  ip link add v$n type veth peer name eth0 netns n$n && ip link set v$n master underlay up
  ip -n n$n -batch - <<END
addr add 172.18.0.$((n+2))/16 dev eth0
link set eth0 up
link set lo up
route add default via 172.18.0.1
link add cni0 type bridge
addr add 10.244.$n.1/24 dev cni0
link set cni0 up
link add flannel.1 type vxlan id 1 dstport 8472 local 172.18.0.$((n+2)) dev eth0 nolearning
addr add 10.244.$n.0/32 dev flannel.1
link set flannel.1 up
END
done
for p in 5 6 7; do
  ip netns add p$p
  ip -n n1 link add veth$p type veth peer name eth0 netns p$p
  ip -n n1 link set veth$p master cni0 up
  ip -n p$p addr add 10.244.1.$p/24 dev eth0 && ip -n p$p link set eth0 up && ip -n p$p route add default via 10.244.1.1
done
for n in 0 1; do ip netns exec n$n iptables-restore <<END
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ODX2UBAZM7RQWOIU - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.103.184.52/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-ODX2UBAZM7RQWOIU
-A KUBE-SVC-ODX2UBAZM7RQWOIU -p tcp -m statistic --mode random --probability 0.3333333333 -j DNAT --to-destination 10.244.1.5:9376
-A KUBE-SVC-ODX2UBAZM7RQWOIU -p tcp -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.244.1.6:9376
-A KUBE-SVC-ODX2UBAZM7RQWOIU -p tcp -j DNAT --to-destination 10.244.1.7:9376
COMMIT
END
done
`;

async function run(file: string, args: readonly string[]): Promise<void> {
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${file} ${args.slice(0, 3).join(' ')}: exit code ${code}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export async function bench(args: readonly string[]): Promise<void> {
  const runs = Number(args[0] ?? 5);
  const previous = process.env.XDG_STATE_HOME;
  const home = await mkdtemp(join(tmpdir(), 'v9s-bench-'));
  process.env.XDG_STATE_HOME = home;
  try {
    const flags = [
      '--user',
      '--map-root-user',
      '--mount',
      '--net',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
    ];
    const kernel: number[] = [];
    const empty: number[] = [];
    const results: Run[] = [];
    for (let index = 0; index <= runs; index++) {
      const result = await measure();
      const floor = await timed(() => run('unshare', [...flags, 'sh', '-ec', kernelScript]));
      const bare = await timed(() => run(process.execPath, ['-e', '0']));
      // The first round fills the page cache and is not counted.
      if (index === 0) continue;
      results.push(result);
      kernel.push(floor);
      empty.push(bare);
    }
    report(results, kernel, empty);
  } finally {
    if (previous === undefined) delete process.env.XDG_STATE_HOME;
    else process.env.XDG_STATE_HOME = previous;
    rmSync(home, { recursive: true, force: true });
  }
}

function report(results: readonly Run[], kernel: readonly number[], empty: readonly number[]): void {
  const total = median(results.map((result) => result.total));
  const floor = median(kernel);
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  const names = [...(results[0]?.stages.keys() ?? [])];
  const rows: [string, string][] = [
    ...names.map((name): [string, string] => [
      name,
      ms(median(results.map(({ stages }) => stages.get(name) ?? 0))),
    ]),
    ['time to first answer', ms(total)],
    ['slowest of all runs', ms(Math.max(...results.map((result) => result.total)))],
    ['the kernel alone, by shell script (the limit)', ms(floor)],
    ['ratio to the limit', `${(total / floor).toFixed(1)}×`],
    ['an empty Node.js process', ms(median(empty))],
    [
      'memory of the lab (PSS, pods and DNS included)',
      `${megabytes(median(results.map(({ memory }) => memory)))} MB`,
    ],
  ];
  console.log(`Start-up, medians of ${results.length} runs\n`);
  console.log(table(rows));
  console.log(`\n${results.at(-1)?.largest.join('\n')}`);
}
