/**
 * Two nodes, their pods, and somebody outside, each in a network namespace:
 *
 *     outside ─ bridge ─┬─ eth0 of the sandbox's own namespace, node `worker`: cni0 with pod1, pod2, pod3, client
 *                       └─ eth0 of namespace `node2`, node `worker2`: cni0 with pod4, client2
 *
 * `outside` sends Service addresses of every kind to the first node, as a router would.
 */

/** The pods' addresses: `pod1` is 10.244.1.5, `pod2` .6, `pod3` .7, `client` .9; also fd00:244:1::5 and so on. */
export const pods = { pod1: 5, pod2: 6, pod3: 7, client: 9 };
/** Those of the second node: `pod4` is 10.244.2.5 and fd00:244:2::5, `client2` .9. */
export const remotePods = { pod4: 5, client2: 9 };
/** The node's own address on the underlay, and fd00:172::3; that of the second node ends in 4; `outside` is 172.18.255.254 and fd00:172::fffe. */
export const nodeIp = '172.18.0.3';

/** What `outside` sends to the first node: ClusterIPs, and addresses for load balancers and externalIPs. */
const routed = ['10.96.0.0/16', '198.51.100.0/24', 'fd00:96::/112', 'fd00:198::/64'];

/**
 * A script for `sh` that lays it all: few processes, since each is dear in a guest kernel.
 *
 * The kernel starts a device late, up to a second, when its carrier comes after it was set up; a veth whose number
 * is not its peer's is spared that. So these have numbers of their own, and bridges are set up after their ports.
 * A node looks for its neighbours from link-local addresses, which wait for their duplicates too, unless told not to.
 */
export function topologyScript(): string {
  const here = Object.keys(pods);
  const there = Object.keys(remotePods);
  const veths = [...here, ...there].map(
    (pod, i) => `link add v${pod} index ${500 + i} type veth peer name eth0 netns ${pod}`,
  );
  return [
    withoutDad('default'),
    batch(undefined, [
      ...['outside', 'node2', ...here, ...there].map((name) => `netns add ${name}`),
      'link add eth0 index 600 type veth peer name node1 netns outside',
      'link add far index 601 type veth peer name node2 netns outside',
      'link set far netns node2 name eth0',
      ...veths,
      ...there.map((pod) => `link set v${pod} netns node2`),
      'link set eth0 up',
      ...here.map((pod) => `link set v${pod} up`),
    ]),
    ...here.map((name) => pod(1, name, pods[name as keyof typeof pods])),
    ...there.map((name) => pod(2, name, remotePods[name as keyof typeof remotePods])),
    batch('node2', ['link set eth0 up', ...there.map((pod) => `link set v${pod} up`), ...node(2, 1, there)]),
    batch('outside', [
      'link set lo up',
      'link set node1 up',
      'link set node2 up',
      'link add underlay type bridge mcast_snooping 0',
      'link set node1 master underlay',
      'link set node2 master underlay',
      'link set underlay up',
      'address add 172.18.255.254/16 dev underlay',
      'address add fd00:172::fffe/64 dev underlay nodad',
      ...routed.map((range) => route(range, range.includes(':') ? 'fd00:172::3' : nodeIp)),
    ]),
    batch(undefined, node(1, 2, here)),
  ].join('');
}

const route = (to: string, via: string) => `route add ${to} via ${via}`;

/** Commands for `ip`, in a namespace. */
function batch(netns: string | undefined, commands: readonly string[]): string {
  const dad = netns === 'node2' ? ['default', 'eth0'].map(withoutDad).join('') : '';
  const enter = `nsenter --net=/run/netns/${netns}`;
  const ip = netns === undefined ? 'ip' : dad ? `${enter} sh -c '${dad}exec ip "$@"' ip` : `${enter} ip`;
  return `${ip} -batch - <<'.' || exit\n${commands.join('\n')}\n.\n`;
}

const withoutDad = (device: string) => `echo 0 > /proc/sys/net/ipv6/conf/${device}/accept_dad\n`;

/** Once its links are up. */
function node(number: number, other: number, own: readonly string[]): string[] {
  return [
    'link set lo up',
    'link add cni0 type bridge mcast_snooping 0',
    ...own.flatMap((name) => [
      `link set v${name} master cni0`,
      `link set v${name} type bridge_slave hairpin on`,
    ]),
    'link set cni0 up',
    `address add 10.244.${number}.1/24 dev cni0`,
    `address add fd00:244:${number}::1/64 dev cni0 nodad`,
    `address add 172.18.0.${2 + number}/16 dev eth0`,
    `address add fd00:172::${2 + number}/64 dev eth0 nodad`,
    route('0.0.0.0/0', '172.18.255.254'),
    route('::/0', 'fd00:172::fffe'),
    route(`10.244.${other}.0/24`, `172.18.0.${2 + other}`),
    route(`fd00:244:${other}::/64`, `fd00:172::${2 + other}`),
  ];
}

function pod(number: number, name: string, host: number): string {
  return batch(name, [
    'link set lo up',
    `address add 10.244.${number}.${host}/24 dev eth0`,
    `address add fd00:244:${number}::${host}/64 dev eth0 nodad`,
    'link set eth0 up',
    route('0.0.0.0/0', `10.244.${number}.1`),
    route('::/0', `fd00:244:${number}::1`),
  ]);
}
