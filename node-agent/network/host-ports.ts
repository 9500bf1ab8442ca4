import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { joinHostPort, parseCidr } from '../../api/address.ts';
import { deleteFlowsToPort } from '../../kernel/conntrack.ts';
import { type IptablesFamily, iptablesRestore, iptablesSave } from '../../kernel/iptables.ts';
import type { Kernel } from '../../kernel/run.ts';
import { ensureSysctls } from '../../kernel/sysctl.ts';

/** A port of the node that leads to one of a pod. */
export interface HostPort {
  protocol: string;
  hostPort: number;
  containerPort: number;
  /** Only at this address of the node; otherwise at all. */
  hostIp?: string;
}

/** Where a pod's ports lead, in one family. */
export interface PortTarget {
  /** Identifies the pod. */
  id: string;
  ip: string;
  /** Pods that reach the port from here share a bridge with it, and are masqueraded. */
  subnet: string;
}

const top = 'CNI-HOSTPORT-DNAT';
const setMark = 'CNI-HOSTPORT-SETMARK';
const masquerade = 'CNI-HOSTPORT-MASQ';

/** The name under which the network is known to CNI. */
const network = 'cbr0';

/** What leads into the chains: needed once a node, whoever made it. */
const jumps = [
  `PREROUTING -m addrtype --dst-type LOCAL -j ${top}`,
  `OUTPUT -m addrtype --dst-type LOCAL -j ${top}`,
  `POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j ${masquerade}`,
];

/**
 * The `iptables-restore --noflush` text that maps a pod's host ports as CNI's portmap plugin does. `present` is what
 * `iptables-save` prints now. Upstream: containernetworking/plugins `plugins/meta/portmap/portmap_iptables.go`.
 */
export function mapRules(target: PortTarget, ports: readonly HostPort[], present: string): string {
  const own = ports.filter(({ hostIp }) => !hostIp || isIP(hostIp) === isIP(target.ip));
  const chain = podChain(target.id);
  const byProtocol = Map.groupBy(own, ({ protocol }) => protocol.toLowerCase());
  const localhost = isIP(target.ip) === 4 ? ['127.0.0.1'] : [];
  const isKnown = (name: string) => present.includes(`\n:${name} `);
  return `${[
    '*nat',
    ...[top, setMark, masquerade].filter((name) => !isKnown(name)).map((name) => `:${name} - [0:0]`),
    `:${chain} - [0:0]`,
    ...entriesOf(chain, present).map((rule) => rule.replace(/^-A/, '-D')),
    ...jumps.filter((rule) => !isPresent(rule, present)).map((rule) => `-A ${rule}`),
    ...(isKnown(setMark)
      ? []
      : [
          `-A ${setMark} -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000`,
        ]),
    ...(isKnown(masquerade) ? [] : [`-A ${masquerade} -m mark --mark 0x2000/0x2000 -j MASQUERADE`]),
    ...[...byProtocol].map(
      ([protocol, list]) =>
        `-A ${top} -p ${protocol} -m comment --comment ${commentOf(target.id)} -m multiport --dports ${list.map(({ hostPort }) => hostPort).join(',')} -j ${chain}`,
    ),
    ...own.flatMap(({ protocol, hostPort, containerPort, hostIp }) => {
      const at = hostIp && !isUnspecified(hostIp) ? ` -d ${hostIp}` : '';
      const match = `-p ${protocol.toLowerCase()} -m ${protocol.toLowerCase()} --dport ${hostPort}`;
      return [
        ...[target.subnet, ...localhost].map(
          (source) => `-A ${chain} -s ${source}${at} ${match} -j ${setMark}`,
        ),
        `-A ${chain}${at} ${match} -j DNAT --to-destination ${joinHostPort(target.ip, containerPort)}`,
      ];
    }),
    'COMMIT',
  ].join('\n')}\n`;
}

/** The text that takes a pod's ports away again; undefined when it has none. */
export function unmapRules(id: string, present: string): string | undefined {
  const chain = podChain(id);
  if (!present.includes(`\n:${chain} `)) return undefined;
  const entries = entriesOf(chain, present).map((rule) => rule.replace(/^-A/, '-D'));
  return `${['*nat', `:${chain} - [0:0]`, ...entries, `-X ${chain}`, 'COMMIT'].join('\n')}\n`;
}

/** Maps and unmaps the ports of a node's pods, one pod at a time. */
export interface HostPorts {
  map(id: string, ips: readonly string[], ports: readonly HostPort[]): Promise<void>;
  /** Harmless when there are none. */
  unmap(id: string): Promise<void>;
}

/** `podCidrs` are the node's own; `bridge` is the link that pods are attached to. */
export function createHostPorts(kernel: Kernel, podCidrs: readonly string[], bridge: string): HostPorts {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined); // Whoever asked is told.
    return mine;
  };
  const families = podCidrs.map((cidr): IptablesFamily => parseCidr(cidr).family);
  // A flow keeps the way that its first packet went, for as long as it goes on.
  const forgetUdp = async (family: IptablesFamily, ports: Iterable<number>) => {
    for (const port of new Set(ports)) await deleteFlowsToPort(kernel, family, { protocol: 'udp', port });
  };
  return {
    map: (id, ips, ports) =>
      inTurn(async () => {
        for (const [index, ip] of ips.entries()) {
          const family = families[index] ?? 'IPv4';
          const target = { id, ip, subnet: podCidrs[index] ?? ip };
          await iptablesRestore(kernel, family, mapRules(target, ports, await iptablesSave(kernel, family)));
          const udp = ports.filter(({ protocol }) => protocol === 'UDP');
          await forgetUdp(
            family,
            udp.map(({ hostPort }) => hostPort),
          );
        }
        // So that what comes from 127.0.0.1 may leave by the bridge.
        await ensureSysctls(kernel, { [`net.ipv4.conf.${bridge}.route_localnet`]: 1 });
      }),
    unmap: (id) =>
      inTurn(async () => {
        for (const family of new Set(families)) {
          const present = await iptablesSave(kernel, family);
          const rules = unmapRules(id, present);
          if (rules) await iptablesRestore(kernel, family, rules);
          await forgetUdp(family, udpPortsOf(podChain(id), present));
        }
      }),
  };
}

/** `CNI-DN-` and a hash, 28 characters, the most that a chain's name has. */
export function podChain(id: string): string {
  const hash = createHash('sha512').update(network).update(id).digest('hex');
  return `CNI-DN-${hash}`.slice(0, 28);
}

const commentOf = (id: string) => `"dnat name: \\"${network}\\" id: \\"${id}\\""`;

const isUnspecified = (ip: string) => /^(0\.0\.0\.0|::)$/.test(ip);

function isPresent(rule: string, present: string): boolean {
  const [chain, ...rest] = rule.split(' ');
  const target = rest.at(-1);
  return present.split('\n').some((line) => line.startsWith(`-A ${chain} `) && line.endsWith(`-j ${target}`));
}

const udpPortsOf = (chain: string, present: string) =>
  [...present.matchAll(/^-A (\S+) .*-p udp .*--dport (\d+) .*-j DNAT/gm)]
    .filter(([, name]) => name === chain)
    .map(([, , port]) => Number(port));

/** Rules that lead into a pod's chain, as they are printed. */
const entriesOf = (chain: string, present: string) =>
  present.split('\n').filter((line) => line.startsWith(`-A ${top} `) && line.endsWith(`-j ${chain}`));
