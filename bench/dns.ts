import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../kernel/package-root.ts';
import { drive, loads, objects } from './dns/load.ts';
import { table } from './statistics.ts';

interface Server {
  host: string;
  port: number;
  pid: number;
}

const seconds = 5;
/** Ticks of /proc/PID/stat in a second: the same on all of Linux' architectures that Node.js runs on. */
const ticks = 100;

/**
 * `npm run bench -- dns [HOST:PORT]`: dnsperf against a server that is there already and serves the objects that
 * `npm run bench -- dns objects` prints; without an address, against ours. Beside it in the same run a server that
 * sends every packet back: what Node.js' sockets alone cost.
 */
export async function bench([address]: readonly string[]): Promise<void> {
  if (address === 'objects') {
    console.log(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects() }));
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'v9s-bench-dns-'));
  const started: ChildProcess[] = [];
  try {
    const server = address === undefined ? await ours(folder, started) : serverAt(address);
    const limit = await start(started, ['-e', echo]);
    const rows: [string, ...string[]][] = [['', 'µs a query', 'of the limit', 'queries/s', 'lost', 'MB']];
    const idle = residentOf(server.pid);
    for (const [name, load] of Object.entries(loads)) {
      drive(server, name, load, { folder, seconds: 1 }); // warms it up
      const bare = measure(limit, 'echo', { queries: load.queries }, folder);
      const one = measure(server, name, load, folder);
      const figures = [one.cpu.toFixed(1), (one.cpu / bare.cpu).toFixed(2), one.perSecond.toFixed(0)];
      rows.push([name, ...figures, String(one.lost), residentOf(server.pid)]);
      rows.push(['  echo', bare.cpu.toFixed(1), '1.00', bare.perSecond.toFixed(0), String(bare.lost), '']);
    }
    console.log(table(rows));
    console.log(`process ${server.pid}, ${idle} MB before the first query; µs are user and system time`);
  } finally {
    for (const child of started) child.kill();
    rmSync(folder, { recursive: true });
  }
}

function measure(server: Server, name: string, load: Parameters<typeof drive>[2], folder: string) {
  const before = cpuOf(server.pid);
  const run = drive(server, name, load, { folder, seconds });
  return { ...run, cpu: ((cpuOf(server.pid) - before) * 1e6) / run.completed };
}

/** Our server with the plugins of kubeadm's Corefile, but for those that reach out of the machine. */
async function ours(folder: string, started: ChildProcess[]): Promise<Server> {
  const [file, corefile] = [join(folder, 'objects.json'), join(folder, 'Corefile')];
  writeFileSync(file, JSON.stringify({ kind: 'List', items: objects() }));
  writeFileSync(
    corefile,
    `.:0 {
  bind 127.0.0.1
  errors
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
  }
  prometheus 127.0.0.1:0
  cache 30 {
    disable success cluster.local
    disable denial cluster.local
  }
  reload
  loadbalance
}
`,
  );
  const { status, stderr } = spawnSync(process.execPath, [join(packageRoot, 'scripts/build.mjs')], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the build failed: ${stderr}`);
  return start(started, [
    join(packageRoot, 'dist/v9s.js'),
    ...['dns', '--objects', file, '--corefile', corefile],
  ]);
}

/** Starts a program that says where it listens on its first line. */
async function start(started: ChildProcess[], args: readonly string[]): Promise<Server> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  const [line = ''] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  const port = Number(/:(\d+)\s/.exec(String(line))?.[1]);
  if (!port || child.pid === undefined) throw new Error(`the server did not start: ${line}`);
  return { host: '127.0.0.1', port, pid: child.pid };
}

/** Sends every packet back as the reply that it is not. */
const echo = `
const socket = require('node:dgram').createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
socket.on('message', (packet, { port, address }) => {
  packet[2] |= 0x80;
  socket.send(packet, port, address, () => {});
});
socket.bind(0, '127.0.0.1', () => console.log('listening on :' + socket.address().port));`;

/** The process that listens there, which this machine's `ss` knows. */
function serverAt(address: string): Server {
  const [, bracketed, plain, digits] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw new Error(`${address}: an address and a port, such as 127.0.0.1:53`);
  const { stdout } = spawnSync('ss', ['-Hulnp', `sport = :${digits}`], { encoding: 'utf8' });
  const pid = /pid=(\d+)/.exec(stdout)?.[1];
  if (pid === undefined)
    throw new Error(`no process of this machine that may be looked at listens on UDP port ${digits}`);
  return { host, port: Number(digits), pid: Number(pid) };
}

/** Seconds of user and system time of all threads. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(user) + Number(system)) / ticks;
}

/** Resident megabytes. */
function residentOf(pid: number): string {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kilobytes) / 1024).toFixed(0);
}
