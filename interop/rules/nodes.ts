import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Family, joinHostPort } from '../../api/address.ts';
import { startTestNode, type TestNode } from '../../dataplane/testing/sandbox.ts';
import { nodeName } from './api.ts';
import { endpointCount, endpointPlace, ownHosts } from './objects.ts';
import type { Setting } from './settings.ts';

/** A node in namespaces of its own with a kube-proxy on it, genuine or ours. */
export interface ProxiedNode extends AsyncDisposable {
  readonly name: string;
  readonly lab: TestNode;
  /** Resolves to all rules of the node once the mark stands in both families. Rejects with the log where it does not come. */
  rulesWith(mark: { port: number; endpoint: string }): Promise<Readonly<Record<Family, string>>>;
  /** The answer to an HTTP request made on the node: status code and body; status 0 where nobody listens. */
  get(url: string): Promise<{ status: number; body: string }>;
  log(): Promise<string>;
}

export interface ProxyCommand {
  readonly name: string;
  readonly mode: 'iptables' | 'nftables' | 'ipvs';
  /** Program and arguments; those that both understand are added. */
  readonly command: readonly string[];
  readonly setting: Setting;
}

export interface NodeOptions {
  readonly folder: string;
  /** Unix socket of the API server. */
  readonly socket: string;
}

/** Arguments that genuine proxies of all releases and ours take. */
const sharedFlags = [
  '--master=http://127.0.0.1:6443',
  `--hostname-override=${nodeName}`,
  '--bind-address=172.18.0.3',
  '--healthz-bind-address=0.0.0.0:10256',
  '--metrics-bind-address=127.0.0.1:10249',
  // The kernel keeps these from namespaces, and genuine proxies end where they cannot be written.
  '--conntrack-max-per-core=0',
  '--conntrack-tcp-timeout-established=0s',
  '--conntrack-tcp-timeout-close-wait=0s',
  '--iptables-min-sync-period=0s',
  // In a guest kernel, where each program takes a tenth of a second to start, many changes are one sync.
  '--ipvs-min-sync-period=1s',
  '--v=2',
];

/** The topology of the dataplane's tests, an API server at 127.0.0.1:6443, what a kubelet of 1.20 writes, and the proxy. */
export async function startProxiedNode(
  { name, mode, command, setting }: ProxyCommand,
  { folder, socket }: NodeOptions,
): Promise<ProxiedNode> {
  const lab = await startTestNode();
  const logFile = join(folder, `${name}.log`);
  const inBackground = (words: readonly string[], log: string) =>
    lab.kernel.run('sh', [
      '-c',
      'log=$1; shift; exec setsid "$@" >"$log" 2>&1 </dev/null & echo $!',
      'sh',
      log,
      ...words,
    ]);
  await lab.kernel.run('sh', ['-s'], { input: endpointAddresses() + kubeletRules() });
  await inBackground([process.execPath, '-e', relayScript, socket], join(folder, `${name}-relay.log`));
  // As a kubelet does: what ends is started again.
  const forever = ['sh', '-c', 'while :; do "$@"; echo "ended with $?"; sleep 1; done', 'sh'];
  const words = [...command, ...sharedFlags, ...setting.flags, `--proxy-mode=${mode}`];
  await inBackground([...forever, ...words], logFile);
  const log = () => readFile(logFile, 'utf8');
  const rules = { iptables: savedRules, nftables: listedRules, ipvs: balancedRules }[mode];
  return {
    name,
    lab,
    log,
    async rulesWith({ port, endpoint }) {
      const wanted = {
        iptables: [`--dport ${port} `, endpoint],
        nftables: [String(port), endpoint.slice(1)],
        ipvs: ['10.96.255.1', 'fd00:96::ff01'].flatMap((ip) => [
          `${ip},tcp:${port}`,
          `-t ${joinHostPort(ip, port)} -r`,
        ]),
      }[mode];
      const has = (text: string) => wanted.every((word) => text.includes(word));
      const deadline = Date.now() + patience;
      for (let before = ''; ; ) {
        const all = await rules(lab);
        const marked = has(all.IPv4) && has(all.IPv6);
        const text = uncounted(all.IPv4 + all.IPv6);
        // Only iptables and nft take a sync as one; of the tools of IPVS each is given its part after the other.
        if (marked && (mode !== 'ipvs' || before === text)) return all;
        before = text;
        if (Date.now() > deadline)
          throw new Error(`${name} has not come to ${wanted.join(' and ')}:\n${(await log()).slice(-3_000)}`);
        await delay(mode === 'ipvs' ? 2_500 : 100);
      }
    },
    async get(url) {
      const { stdout } = await lab.kernel.run('sh', [
        '-c',
        'curl -sg -m 5 -w "\\n%{http_code}" "$1" || true',
        'sh',
        url,
      ]);
      const cut = stdout.lastIndexOf('\n');
      return { status: Number(stdout.slice(cut + 1)), body: stdout.slice(0, cut) };
    },
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  };
}

/** Without counters and times. */
const uncounted = (text: string) => text.replace(/^#.*$/gm, '').replace(/\[\d+:\d+\]/g, '');

/** Milliseconds for a proxy to start or follow, on a machine that is busy. */
const patience = 240_000;

/** Our own program, as built. */
export const ownCommand = (): string[] => [
  process.execPath,
  fileURLToPath(new URL('../../dist/v9s.js', import.meta.url)),
  'kube-proxy',
];

async function savedRules({ kernel }: TestNode): Promise<Record<Family, string>> {
  const [IPv4, IPv6] = await Promise.all([kernel.run('iptables-save', []), kernel.run('ip6tables-save', [])]);
  return { IPv4: IPv4.stdout, IPv6: IPv6.stdout };
}

/** What the tools of IPVS print of both families; the trace tells them apart. */
async function balancedRules(lab: TestNode): Promise<Record<Family, string>> {
  const { stdout } = await lab.kernel.run('sh', [
    '-c',
    'ipset save; ipvsadm-save -n; ip address show dev kube-ipvs0 2>/dev/null | sed "s/^/# /"',
  ]);
  const { IPv4, IPv6 } = await savedRules(lab);
  return { IPv4: `${IPv4}${stdout}`, IPv6: `${IPv6}${stdout}` };
}

async function listedRules({ kernel }: TestNode): Promise<Record<Family, string>> {
  const list = async (family: string) => {
    const script = 'nft -j list table "$1" kube-proxy 2>/dev/null || true';
    return (await kernel.run('sh', ['-c', script, 'sh', family])).stdout;
  };
  const [IPv4, IPv6] = await Promise.all([list('ip'), list('ip6')]);
  return { IPv4, IPv6 };
}

/** Genuine clients speak TCP alone; what listens in a namespace stays there, so each node has its own way to the API. */
const relayScript = `require('node:net').createServer((client) => {
  const server = require('node:net').connect(process.argv[1]);
  for (const one of [client, server]) one.on('error', () => { client.destroy(); server.destroy(); });
  client.pipe(server).pipe(client);
}).listen(6443, '127.0.0.1')`;

/** Pods that answer for the endpoints, by number. */
export function podOf(number: number): 'pod1' | 'pod2' | 'pod3' | 'pod4' {
  const local = ['pod1', 'pod2', 'pod3'] as const;
  return number % 2 === 0 ? 'pod4' : (local[((number - 1) / 2) % 3] ?? 'pod1');
}

function endpointAddresses(): string {
  const lines = Array.from({ length: endpointCount }, (_, i) => {
    if (ownHosts.has(i + 1)) return '';
    const { IPv4, IPv6 } = endpointPlace(i + 1);
    const add = `nsenter --net=/run/netns/${podOf(i + 1)} ip address add`;
    return `${add} ${IPv4}/24 dev eth0; ${add} ${IPv6}/64 dev eth0 nodad`;
  });
  return `${lines.join('\n')}\n`;
}

/**
 * What the kubelet of 1.20 keeps beside kube-proxy, whose rules mark what is to be dropped and leave that to the
 * kubelet's (`pkg/kubelet/kubelet_network_linux.go`). FORWARD does not lead there.
 */
function kubeletRules(): string {
  const localnet =
    '-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';
  const batch = (more: string) =>
    [
      '*nat',
      ':KUBE-MARK-DROP - [0:0]',
      '-A KUBE-MARK-DROP -j MARK --or-mark 0x8000',
      'COMMIT',
      '*filter',
      ':KUBE-FIREWALL - [0:0]',
      '-A KUBE-FIREWALL -m comment --comment "kubernetes firewall for dropping marked packets" -m mark --mark 0x8000/0x8000 -j DROP',
      more,
      '-I INPUT -j KUBE-FIREWALL',
      '-I OUTPUT -j KUBE-FIREWALL',
      'COMMIT',
    ]
      .filter(Boolean)
      .join('\n');
  return `iptables-restore -n <<'.'\n${batch(localnet)}\n.\nip6tables-restore -n <<'.'\n${batch('')}\n.\n`;
}
