import { egressInterface } from '../kernel/pasta.ts';
import { gateway, gateway6, hasIpv6, type LabNode, prefixLength, prefixLength6 } from './spec.ts';

/** Where the UTS namespace of a node is kept, beside its network namespace in `/run/netns`. */
export const utsPath = (node: string) => `/run/v9s/uts/${node}`;

export interface SetupOptions {
  nodes: readonly LabNode[];
  /** The host's `/etc/resolv.conf` with symbolic links followed; undefined when there is none. */
  resolvConf?: string | undefined;
  /** What resolv.conf names; default {@link gateway}. */
  nameserver?: string;
  /** Nodes' packets to other networks are forwarded and masqueraded. */
  egress?: boolean;
}

/**
 * The shell script that turns fresh namespaces into a lab: `/run`, the bridge `underlay`, and for each
 * node its network and UTS namespaces. Prints only what goes wrong, then `ok` when nothing did.
 * As few commands as possible: each costs about a millisecond.
 */
export function setupScript({ nodes, resolvConf, nameserver = gateway, egress }: SetupOptions): string {
  return `set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock /run/v9s/uts${resolvConf?.startsWith('/run/') ? ` ${parent(resolvConf)}` : ''}
${resolvConf ? resolver(resolvConf, nameserver) : ''}
ip -batch - <<'END'
${rootBatch(nodes).join('\n')}
END
echo 1 > /proc/sys/net/ipv4/ip_forward
${hasIpv6(nodes) ? 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding' : ''}
${unlimitedErrors}
${egress ? egressRules : ''}
jobs=
${nodes.map((node) => nodeSetup(node)).join('')}
for job in $jobs; do wait $job; done
echo ok
`;
}

/**
 * icmp(7) lets a host have six errors at once and then one a second. Who asks for a Service's address before the
 * node has its rules would wait that second for being told that there is nobody.
 */
const unlimitedErrors = 'echo 0 > /proc/sys/net/ipv4/icmp_ratelimit';

function resolver(path: string, nameserver: string): string {
  const lines = `echo 'nameserver ${nameserver}' > /run/v9s/resolv.conf`;
  const target = path.startsWith('/run/') ? `\n: > ${quote(path)}` : '';
  return `${lines}${target}\nmount --bind /run/v9s/resolv.conf ${quote(path)}`;
}

/** Everything that can be done from the lab's own network namespace, in one process. */
export function rootBatch(nodes: readonly LabNode[]): string[] {
  return [
    'link set lo up',
    // A fixed address, or it would change with the bridge's ports.
    'link add underlay address 02:12:ac:12:00:01 type bridge',
    `addr add ${gateway}/${prefixLength} dev underlay`,
    ...(hasIpv6(nodes) ? [`addr add ${gateway6}/${prefixLength6} dev underlay nodad`] : []),
    'link set underlay up',
    // Says at once that there is no way out; the default route of --egress is preferred to it.
    'route add unreachable default metric 4294967295',
    ...nodes.flatMap(linkCommands),
  ];
}

/**
 * A node's end of the underlay is named by its place: a node's name may be longer than a link's. Its MAC address follows
 * from its address, as the gateway's, so that who knew the node before a restart need not ask for it again.
 */
const linkCommands = ({ name, address }: LabNode, index: number): string[] => [
  `netns add ${name}`,
  `link add node${index} type veth peer name eth0 address ${macOf(address)} netns ${name}`,
  `link set node${index} master underlay alias ${name} up`,
];

/** `172.18.0.2` → `02:12:ac:12:00:02`; locally administered. */
const macOf = (address: string) =>
  `02:12:${address
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join(':')}`;

/** The script that adds a node to a lab which is up; `index` is no other node's. Prints as {@link setupScript} does. */
export function addNodeScript(node: LabNode, index: number): string {
  return `set -e
ip -batch - <<'END'
${linkCommands(node, index).join('\n')}
END
jobs=
${nodeSetup(node)}for job in $jobs; do wait $job; done
echo ok
`;
}

/**
 * The script that takes away a node, as much of it as there is, and the network namespaces of its pods. Nothing runs
 * in them any more.
 */
export function removeNodeScript(name: string, index: number, netns: readonly string[] = []): string {
  const uts = utsPath(name);
  // The link would go with its namespace, but at a time of the kernel's own.
  const gone = [`link del node${index}`, ...[name, ...netns].map((each) => `netns del ${each}`)];
  return `ip -force -batch - <<'END' 2>/dev/null || :
${gone.join('\n')}
END
umount ${uts} 2>/dev/null || :
rm -f ${uts}
echo ok
`;
}

/** Nobody else could have the address: there is no need to ask, and to wait for an answer that does not come. */
const ipv6Setup = (address: string) => `addr add ${address}/${prefixLength6} dev eth0 nodad
route add default via ${gateway6}
`;

/** Runs beside the other nodes' set-up, as a job of the script. */
function nodeSetup({ name, address, address6 }: LabNode): string {
  const uts = utsPath(name);
  const forwarding =
    name === 'outside'
      ? ''
      : `
echo 1 > /proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/ipv6/conf/all/forwarding ]; then echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; fi`;
  return `: > ${uts}
nsenter --net=/run/netns/${name} unshare --uts=${uts} sh -ec 'hostname ${name}${forwarding}
exec ip -batch -' <<'END' &
link set lo up
addr add ${address}/${prefixLength} dev eth0
link set eth0 up
route add default via ${gateway}
${address6 ? ipv6Setup(address6) : ''}END
jobs="$jobs $!"
`;
}

// Some releases of pasta send segments without the ACK flag, which conntrack takes for invalid and which
// would be answered with a reset.
const egressRules = `iptables-restore <<'END'
*nat
-A POSTROUTING -s 172.18.0.0/16 ! -o underlay -j MASQUERADE
COMMIT
*filter
-A INPUT -i ${egressInterface} -m conntrack --ctstate INVALID -j DROP
COMMIT
END`;

const parent = (path: string) => quote(path.slice(0, path.lastIndexOf('/')));
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
