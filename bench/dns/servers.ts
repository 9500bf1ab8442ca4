import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../kernel/package-root.ts';
import { objects } from './load.ts';

/** A server that is measured, and its process. */
export interface Server {
  host: string;
  port: number;
  pid: number;
}

/** As the image of CoreDNS starts our server. */
const asInTheImage = ['--max-semi-space-size=1', '--no-maglev'];
/** Ticks of /proc/PID/stat in a second: the same on all of Linux' architectures that Node.js runs on. */
const ticks = 100;

/** An API to follow, and how many threads shall answer. */
export interface Followed {
  kubeconfig: string;
  workers: number;
}

/**
 * Our server with the plugins of kubeadm's Corefile, but for those that reach out of the machine: of the objects of
 * the loads, or of an API.
 */
export async function ours(folder: string, started: ChildProcess[], of?: Followed): Promise<Server> {
  const corefile = join(folder, 'Corefile');
  writeFileSync(corefile, likeKubeadm);
  const build = spawnSync(process.execPath, [join(packageRoot, 'scripts/build.mjs')], { encoding: 'utf8' });
  if (build.status !== 0) throw new Error(`the build failed: ${build.stderr}`);
  if (of) {
    const program = [join(packageRoot, 'dist/dns.cjs'), '-conf', corefile];
    const options = ['--kubeconfig', of.kubeconfig, '--workers', String(of.workers)];
    return start(started, [...asInTheImage, ...program, ...options]);
  }
  const file = join(folder, 'objects.json');
  writeFileSync(file, JSON.stringify({ kind: 'List', items: objects() }));
  const program = join(packageRoot, 'dist/v9s.js');
  return start(started, [...asInTheImage, program, 'dns', '--objects', file, '--corefile', corefile]);
}

const likeKubeadm = `.:0 {
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
`;

/** A server that sends every packet back: what Node.js' sockets alone cost. */
export function echo(started: ChildProcess[]): Promise<Server> {
  return start(started, ['-e', sendBack]);
}

const sendBack = `
const socket = require('node:dgram').createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
socket.on('message', (packet, { port, address }) => {
  packet[2] |= 0x80;
  socket.send(packet, port, address, () => {});
});
socket.bind(0, '127.0.0.1', () => console.log('listening on :' + socket.address().port));`;

/** Starts a program that says where it listens. */
async function start(started: ChildProcess[], args: readonly string[]): Promise<Server> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  const ended = once(child, 'exit');
  let said = '';
  for (;;) {
    const first = await Promise.race([once(child.stdout, 'data'), ended.then(() => undefined)]);
    if (!first) throw new Error(`the server ended before it listened: ${said}`);
    said += String(first[0]);
    const port = Number(/^listening on .*:(\d+)$/m.exec(said)?.[1]);
    if (port && child.pid !== undefined) {
      child.stdout.resume();
      return { host: '127.0.0.1', port, pid: child.pid };
    }
  }
}

/** The process that listens there, which this machine's `ss` knows. */
export function serverAt(address: string): Server {
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
export function cpuOf({ pid }: Server): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(user) + Number(system)) / ticks;
}

/** Resident megabytes, and the process's share of them (PSS): pages of files are shared with others. */
export function memoryOf({ pid }: Server): { resident: string; share: string } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const megabytes = (what: string) =>
    (Number(new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024).toFixed(0);
  return { resident: megabytes('Rss'), share: megabytes('Pss') };
}
