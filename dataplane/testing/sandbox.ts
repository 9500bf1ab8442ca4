import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { enterCommand, startSandbox } from '../../kernel/namespaces.ts';
import { childOf } from '../../kernel/processes.ts';
import { type Command, createKernel, type Kernel } from '../../kernel/run.ts';
import { type Agent, startAgent } from './agent.ts';
import { nodeIp, topologyScript } from './topology.ts';

export { nodeIp, pods } from './topology.ts';

/** Namespaces of a test's own: a node, a second one, their pods and somebody outside, as `topology.ts` lays them. */
export interface TestNode extends AsyncDisposable {
  /** Acts in the network namespace of the node. */
  readonly kernel: Kernel;
  /** Commands given to {@link kernel} so far, without what enters the sandbox. Empty it as you like. */
  readonly commands: Command[];
  /** A kernel that acts in a named network namespace: `pod1`, `outside`. */
  inside(netns: string): Kernel;
  /** Connections of every kind, from and to every network namespace. */
  readonly agent: Agent;
  /** Starts a server that answers every TCP and SCTP connection and UDP datagram with its name and the client's address. */
  serve(netns: string, name: string, ports: readonly number[]): Promise<void>;
  /** Opens so many TCP connections one after the other; answers by text, failures by error code. */
  connect(
    netns: string | undefined,
    address: string,
    port: number,
    times?: number,
  ): Promise<Record<string, number>>;
  /** Sends a datagram from a fixed port until one is answered. */
  datagram(netns: string, address: string, port: number): Promise<string>;
}

/** Starts the sandbox. Works as root and as an ordinary user. */
export async function startTestNode(): Promise<TestNode> {
  const { child, channel } = await startSandbox({
    // It ends with whoever started it, however that ends: then there is nobody at the other end.
    script: 'mount -t tmpfs tmpfs /run && mkdir /run/netns && echo ready && exec cat <&3',
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
  const enter = (netns?: string): Kernel => {
    const record = (command: Command) => {
      if (!netns) commands.push(command);
    };
    const entered = (file: string, args: readonly string[]) =>
      enterCommand(pid, [file, ...args], netns ? { netns } : {});
    return {
      run(file, args, options) {
        record({ file, args, ...(options?.input === undefined ? {} : { input: options.input }) });
        const command = entered(file, args);
        return host.run(command.file, command.args, options);
      },
      async open(file, args) {
        const command = entered(file, args);
        const session = await host.open?.(command.file, command.args);
        if (!session) throw new Error('no sessions');
        return {
          ...session,
          send(input, mark) {
            record({ file, args, input });
            return session.send(input, mark);
          },
        };
      },
    };
  };
  const node = enter();
  const agent = startAgent((command) => enterCommand(pid, command));
  await node.run('sh', ['-s'], { input: topologyScript() });
  await Promise.all(
    [undefined, 'node2'].flatMap((netns) => sysctls.map(([path, text]) => agent.write(netns, path, text))),
  );
  // Whoever is refused was heard: all links are up, and neighbours known.
  const ways = ['client', 'client2', 'outside'].flatMap((from) =>
    [nodeIp, 'fd00:172::4'].map((address) => ({ from, address, port: 1 })),
  );
  await Promise.all(ways.map((way) => agent.connect(way)));
  commands.length = 0;
  return {
    kernel: node,
    commands,
    inside: enter,
    agent,
    serve: agent.serve,
    connect: (from, address, port, times = 1) => agent.connect({ from, address, port }, times),
    async datagram(from, address, port) {
      const target = { from, address, port, protocol: 'UDP', sourcePort: 40_000, timeout: 0.5 } as const;
      for (let tries = 0; tries < 4; tries++) {
        const [outcome = ''] = Object.keys(await agent.connect(target));
        if (!/^E[A-Z]+$/.test(outcome)) return outcome;
      }
      return 'no answer';
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

/** Nodes forward, and answer every packet that leads nowhere, not six and then one a second. */
const sysctls = [
  ['/proc/sys/net/ipv4/ip_forward', '1'],
  ['/proc/sys/net/ipv6/conf/all/forwarding', '1'],
  ['/proc/sys/net/ipv4/icmp_ratelimit', '0'],
  ['/proc/sys/net/ipv6/icmp/ratelimit', '0'],
] as const;
