import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { enterCommand, startSandbox } from '../../kernel/namespaces.ts';
import { childOf } from '../../kernel/processes.ts';
import { type Command, createKernel, type Kernel } from '../../kernel/run.ts';

/** Namespaces of a test's own, with room for a node, its pods and somebody outside. */
export interface TestNode extends AsyncDisposable {
  /** Acts in the network namespace of the node. */
  readonly kernel: Kernel;
  /** Commands given to {@link kernel} so far, without what enters the sandbox. Empty it as you like. */
  readonly commands: Command[];
  /** A kernel that acts in a named network namespace: `pod1`, `outside`. */
  inside(netns: string): Kernel;
  /** Starts a server that answers every TCP connection and UDP datagram with its name and the client's address. */
  serve(netns: string, name: string, ports: readonly number[]): Promise<ChildProcess>;
  /** Opens so many connections one after the other; answers by text, failures by error code. */
  connect(
    netns: string | undefined,
    address: string,
    port: number,
    times?: number,
  ): Promise<Record<string, number>>;
  /** Sends a datagram from a fixed port until one is answered. */
  datagram(netns: string, address: string, port: number): Promise<string>;
}

/** The pods' addresses: `pod1` is 10.244.1.5, `pod2` .6, `pod3` .7, `client` .9; also fd00:244:1::5 and so on. */
export const pods = { pod1: 5, pod2: 6, pod3: 7, client: 9 };
/** The node's own address on the underlay; `outside` is 172.18.255.254. */
export const nodeIp = '172.18.0.3';

/** Starts the sandbox, lays a bridge with four pods and a link to the outside. Works as root and as an ordinary user. */
export async function startTestNode(): Promise<TestNode> {
  const { child, channel } = await startSandbox({
    script: 'mount -t tmpfs tmpfs /run && mkdir /run/netns && echo ready && exec sleep infinity',
    args: [],
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  channel.unref();
  if (!child.stdout) throw new Error('the sandbox has no output');
  for await (const line of createInterface(child.stdout)) if (line === 'ready') break;
  const pid = findInit(child);
  const commands: Command[] = [];
  const host = createKernel();
  const enter = (netns?: string): Kernel => ({
    run(file, args, options) {
      if (!netns)
        commands.push({ file, args, ...(options?.input === undefined ? {} : { input: options.input }) });
      const command = enterCommand(pid, [file, ...args], netns ? { netns } : {});
      return host.run(command.file, command.args, options);
    },
  });
  const node: Kernel = {
    ...enter(),
    async open(file, args) {
      const { file: entered, args: rest } = enterCommand(pid, [file, ...args]);
      const session = await host.open?.(entered, rest);
      if (!session) throw new Error('no sessions');
      return {
        ...session,
        send(input, mark) {
          commands.push({ file, args, input });
          return session.send(input, mark);
        },
      };
    },
  };
  await node.run('ip', ['-batch', '-'], { input: topology() });
  await node.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);

  const evaluate = (netns: string | undefined, script: string, args: readonly string[]) =>
    enterCommand(pid, [process.execPath, '-e', script, ...args], netns ? { netns } : {});
  return {
    kernel: node,
    commands,
    inside: enter,
    async serve(netns, name, ports) {
      const { file, args } = evaluate(netns, serverScript, [name, ...ports.map(String)]);
      const server = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      for await (const line of createInterface(server.stdout)) if (line === 'ready') break;
      return server;
    },
    async connect(netns, address, port, times = 1) {
      const { file, args } = evaluate(netns, clientScript, [address, String(port), String(times)]);
      return JSON.parse((await host.run(file, args)).stdout) as Record<string, number>;
    },
    async datagram(netns, address, port) {
      const { file, args } = evaluate(netns, datagramScript, [address, String(port)]);
      return (await host.run(file, args)).stdout;
    },
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** `unshare` waits; the sandbox's PID 1 is its child. */
function findInit(child: ChildProcess): number {
  const init = childOf(child.pid ?? 0);
  if (init === undefined) throw new Error('the sandbox ended at once');
  return init;
}

/** One batch for `ip`. */
function topology(): string {
  const inside = (netns: string, ...commands: string[]) =>
    commands.map((one) => `netns exec ${netns} ip ${one}`);
  const pod = ([name, host]: [string, number]) => [
    `netns add ${name}`,
    `link add v${name} type veth peer name eth0 netns ${name}`,
    `link set v${name} master cni0 up`,
    `link set v${name} type bridge_slave hairpin on`,
    ...inside(
      name,
      'link set lo up',
      `address add 10.244.1.${host}/24 dev eth0`,
      `address add fd00:244:1::${host}/64 dev eth0 nodad`,
      'link set eth0 up',
      'route add default via 10.244.1.1',
      '-6 route add default via fd00:244:1::1',
    ),
  ];
  const lines = [
    'link set lo up',
    'link add cni0 type bridge',
    'address add 10.244.1.1/24 dev cni0',
    'address add fd00:244:1::1/64 dev cni0 nodad',
    'link set cni0 up',
    'netns add outside',
    'link add eth0 type veth peer name eth0 netns outside',
    `address add ${nodeIp}/16 dev eth0`,
    'link set eth0 up',
    'route add default via 172.18.255.254',
    ...inside('outside', 'link set lo up', 'address add 172.18.255.254/16 dev eth0', 'link set eth0 up'),
    ...Object.entries(pods).flatMap(pod),
  ];
  return `${lines.join('\n')}\n`;
}

const serverScript = `
const [name, ...ports] = process.argv.slice(1);
const clean = (a) => a.replace('::ffff:', '');
let left = ports.length * 2;
const done = () => { if (--left === 0) console.log('ready'); };
for (const port of ports) {
  require('net').createServer((s) => { s.on('error', () => {}); s.end(name + ' ' + clean(s.remoteAddress)); }).listen(+port, '::', done);
  const u = require('dgram').createSocket('udp6');
  u.on('message', (m, from) => u.send(name + ' ' + clean(from.address), from.port, from.address));
  u.bind(+port, done);
}`;

const clientScript = `
const [host, port, times] = process.argv.slice(1);
const counts = {};
const once = () => new Promise((resolve) => {
  let text = '';
  const s = require('net').connect({ host, port: +port, timeout: 2000 });
  s.on('data', (d) => (text += d));
  s.on('end', () => resolve(text));
  s.on('timeout', () => { s.destroy(); resolve('ETIMEDOUT'); });
  s.on('error', (e) => resolve(e.code));
});
(async () => {
  for (let i = 0; i < +times; i++) { const got = await once(); counts[got] = (counts[got] || 0) + 1; }
  console.log(JSON.stringify(counts));
})();`;

const datagramScript = `
const [host, port] = process.argv.slice(1);
const s = require('dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
const send = () => s.send('x', +port, host, () => {});
let tries = 0;
s.on('error', () => {});
s.on('message', (m) => { process.stdout.write(String(m)); process.exit(0); });
s.bind(40000, () => { send(); setInterval(() => { if (++tries > 20) { process.stdout.write('no answer'); process.exit(0); } send(); }, 100); });`;
