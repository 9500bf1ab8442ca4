import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '../../api/client.ts';
import { startApiserver } from '../../apiserver/main.ts';
import { createCertificateAuthority, createSigningKeys } from '../../cluster/pki.ts';
import { startControllers } from '../../controllers/main.ts';
import { childOf } from '../../kernel/processes.ts';
import { createKernel } from '../../kernel/run.ts';

/** A node-agent process of a {@link Scene}. */
export interface AgentProcess {
  /** As `kill -9`. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when it is gone, whoever has ended it. */
  gone: Promise<unknown>;
  /** What it has written to standard error so far. */
  complaints(): string;
}

/** When a node-agent kills itself, see agent.ts. */
export interface Interruption {
  moment: 'before' | 'during' | 'after';
  /** Which command it is, from 1. */
  command: number;
}

/** A sandbox with nodes on an underlay, and a control plane outside of it that answers on a Unix socket. */
export interface Scene extends AsyncDisposable {
  client: Client;
  /** Runs a command in the sandbox, in a node's network namespace when one is named; resolves to its output. */
  run(node: string | undefined, command: readonly string[]): Promise<string>;
  /** Resolves when the node is ready. */
  startAgent(node: string, interruption?: Interruption): Promise<AgentProcess>;
}

const prepare = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
ip link set lo up
ip link add underlay type bridge
ip addr add 172.18.0.1/16 dev underlay
ip link set underlay up
n=2
for node in "$@"; do
  ip netns add $node
  ip link add $node type veth peer name eth0 netns $node
  ip link set $node master underlay up
  printf '%s\\n' 'link set lo up' 'link set eth0 up' "addr add 172.18.0.$n/16 dev eth0" 'route add default via 172.18.0.1' |
    nsenter --net=/run/netns/$node ip -batch -
  n=$((n + 1))
done
echo prepared
# Ends with whoever holds the other end, and everything else with it.
exec cat`;

/** Starts a scene with these nodes; ends with `await using`. */
export async function startScene(...nodes: string[]): Promise<Scene> {
  const dir = mkdtempSync(join(tmpdir(), 'v9s-scene-'));
  const end = new AbortController();
  const socketPath = join(dir, 'api.sock');
  const authority = createCertificateAuthority();
  const serving = authority.issue({
    commonName: 'kube-apiserver',
    serverNames: { dns: ['kubernetes'], ips: ['127.0.0.1'] },
  });
  const api = await startApiserver(
    {
      dataDir: join(dir, 'db'),
      listen: [{ path: socketPath }],
      tls: { ...serving, clientCa: authority.cert },
      serviceAccount: {
        ...(await createSigningKeys()),
        issuer: 'https://kubernetes.default.svc.cluster.local',
      },
      advertise: { host: '172.18.0.2', port: 6443 },
      serviceCidrs: ['10.96.0.0/12'],
      serviceNodePortRange: '30000-32767',
    },
    { signal: end.signal },
  );
  const client = createClient({ socketPath });
  await startControllers(
    { client, clusterCidrs: ['10.244.0.0/16'], nodeCidrMaskSize: 24, caPem: authority.cert },
    { signal: end.signal },
  );

  const unshare = [
    '--user',
    '--map-root-user',
    '--mount',
    '--net',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
  ];
  const sandbox = spawn('unshare', [...unshare, 'sh', '-c', prepare, 'sh', ...nodes], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await line(sandbox, 'prepared');
  const pid = String(childOf(sandbox.pid ?? 0));
  const enter = (node: string | undefined, command: readonly string[]) => [
    ...['--preserve-credentials', '-U', '-m', '-n', '-p', '-t', pid],
    ...(node ? ['nsenter', `--net=/run/netns/${node}`] : []),
    ...command,
  ];
  const kernel = createKernel();
  const run = async (node: string | undefined, command: readonly string[]) =>
    (await kernel.run('nsenter', enter(node, command))).stdout;

  return {
    client,
    run,
    async startAgent(node, interruption) {
      const program = fileURLToPath(new URL('./agent.ts', import.meta.url));
      const address = `172.18.0.${nodes.indexOf(node) + 2}`;
      const last = interruption ? [interruption.moment, String(interruption.command)] : [];
      const command = [process.execPath, program, socketPath, node, address, ...last];
      const child = spawn('nsenter', enter(node, command), { stdio: ['ignore', 'pipe', 'pipe'] });
      let complaints = '';
      child.stderr.on('data', (data) => {
        complaints += data;
        process.stderr.write(data);
      });
      const gone = new Promise((resolve) => child.once('exit', resolve));
      const own = await line(child, /^\d+$/);
      await line(child, 'ready');
      return {
        gone,
        complaints: () => complaints,
        async kill() {
          await run(undefined, ['kill', '-9', own]);
          await gone;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      const gone = new Promise((resolve) => sandbox.once('exit', resolve));
      sandbox.kill('SIGKILL');
      await gone;
      end.abort();
      client.close();
      await api.stopped;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The next line of a child's output that is `wanted`. */
function line(child: ChildProcess, wanted: string | RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    if (!child.stdout) throw new Error('the child has no output');
    const lines = createInterface(child.stdout);
    lines.on('line', (text) => {
      if (typeof wanted === 'string' ? text !== wanted : !wanted.test(text)) return;
      lines.close();
      resolve(text);
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it said ${wanted}`)));
  });
}
