import { addressAt, type Cidr, cidrOf, type Family, overlaps, parseCidr } from '../api/address.ts';
import type { Taint } from '../api/types.ts';
import { type NftablesLayout, nftablesLayouts, type ProxyMode } from '../dataplane/configuration.ts';
import { emulatedVersions } from '../dataplane/iptables/versions.ts';
import { availableModes } from '../dataplane/modes.ts';
import type { KubeletSettings } from '../node-agent/configuration/read.ts';
import type { Conflist } from '../node-agent/network/cni/config.ts';
import type { Backend } from '../node-agent/overlay/options.ts';
import type { AuditOptions, AuditSpec } from './audit.ts';
import { dnsAddresses } from './dns-addresses.ts';
import { OptionError } from './option-error.ts';
import { bridgeOf, cniOf, overlayOf } from './pod-network.ts';
import { type Programs, programsOf, requireEtcd } from './programs.ts';
import { type Store, type StoreOptions, storeOf, storeText } from './store.ts';

export { OptionError };

/** How Services reach the kernel; with `none` nodes have no rules until a `v9s kube-proxy` is started on them. */
export type DataplaneMode = ProxyMode | 'none';

/** What a user may choose; everything has a default. */
export interface ClusterOptions extends AuditOptions, StoreOptions {
  /** A DNS label; names the state directory too. Default `v9s`. */
  name?: string;
  /** How many nodes: `control-plane`, `worker`, `worker2`, … Default 2, or one more than control planes. Those that join come on top. */
  nodes?: number;
  /** Of the first node. Default `control-plane`. */
  nodeName?: string;
  /** Default `10.244.0.0/16`; two CIDRs, comma separated, for dual-stack. */
  podCidr?: string;
  /** Default `10.96.0.0/12`. */
  serviceCidr?: string;
  /** Default `30000-32767`. */
  serviceNodePortRange?: string;
  /** The way to other nodes' pods: flannel's `vxlan` (default), `host-gw` or `udp`. */
  overlay?: Backend['type'];
  /** Of overlay `vxlan`: plain routes between nodes on one link, as flannel's `DirectRouting`. Default false. */
  directRouting?: boolean;
  /** The bridge that a node's pods are attached to. Default `cni0`. */
  bridge?: string;
  /** A CNI configuration list, or a folder with one; its plugins make pods' networks instead of our own. */
  cniConfig?: string;
  /** Folders with CNI plugins, separated by colons. Default `/opt/cni/bin:/usr/lib/cni`. */
  cniBin?: string;
  /** Address of the `kube-dns` Service; default the tenth of the service CIDR; `none` leaves DNS out. */
  clusterDns?: string;
  /** A file with a KubeletConfiguration that every node follows; see node-agent/README.md. */
  kubeletConfig?: string;
  dataplane?: DataplaneMode;
  /** Of dataplane `nftables`: kube-proxy's chains (`upstream`, default) or shared maps (`flat`). */
  nftablesLayout?: NftablesLayout;
  /** The release of kube-proxy whose rules are written, as `1.12` for the articles' form. Default `1.33`. */
  emulatedVersion?: string;
  /** Programs in the place of ours, `NAME=FILE` each, and `NAME=none` for nobody; see programs.ts. */
  programs?: readonly string[];
  /** Keeps ordinary pods off the control plane, as kubeadm does. Default false. */
  taintControlPlane?: boolean;
  /** Gives each ServiceAccount a Secret with a token, as before Kubernetes 1.24. Default false. */
  legacyServiceAccountTokens?: boolean;
  /** Lets pods reach what the host can reach, through passt. Default false. */
  egress?: boolean;
  /** Writes every kernel command of the nodes into their logs, for {@link readTrace}. Default false. */
  trace?: boolean;
  /** Port of the API on 127.0.0.1; default any free one, kept for the life of the cluster. */
  apiPort?: number;
}

/** One node as the lab lays it out. */
export interface NodeSpec {
  name: string;
  /** On the underlay. */
  address: string;
  /** The same for IPv6, where pods have it. */
  address6?: string;
  labels: Record<string, string>;
  taints: Taint[];
  /** It came later, with a token, and has the credentials that it was given then; see kubeadm/join.ts. */
  joined?: true;
}

/** A cluster's settled options: written to `cluster.json`, read by every process of the cluster. */
export interface ClusterSpec extends Store {
  name: string;
  nodes: NodeSpec[];
  podCidrs: string[];
  serviceCidrs: string[];
  serviceNodePortRange: string;
  /** Missing in the state of older clusters: vxlan. */
  overlay?: Backend;
  bridge?: string;
  cni?: { list: Conflist; path: string[] } | undefined;
  /** Empty when DNS was left out. */
  clusterDns: string[];
  clusterDomain: string;
  /** Absent where nothing is audited. */
  audit?: AuditSpec;
  /** What was read of a KubeletConfiguration. */
  kubelet?: KubeletSettings;
  dataplane: DataplaneMode;
  /** Missing in the state of older clusters. */
  nftablesLayout?: NftablesLayout;
  /** Absent for today's. */
  emulatedVersion?: string;
  /** Absent where all is ours. */
  programs?: Programs;
  legacyServiceAccountTokens?: boolean;
  egress: boolean;
  trace: boolean;
  /** 0 until the lab has opened one. */
  apiPort: number;
  /** Its lab has the network of this machine, which is its one node here; see kubeadm/machine.ts. */
  onMachine?: true;
  /** This is a lab whose one node joined the cluster with this state folder; see kubeadm/lab-join.ts. */
  linkedTo?: string;
  /** Other labs are connected to its underlay. */
  linked?: true;
}

const defaults = {
  name: 'v9s',
  nodes: 2,
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.96.0.0/12',
  serviceNodePortRange: '30000-32767',
} as const;

/** For commands in messages: nothing for the cluster that needs no name. */
export const nameFlag = (name: string): string => (name === defaults.name ? '' : ` --name ${name}`);

/** The underlay between nodes; see docs/architecture.md. */
export const underlay = {
  cidr: '172.18.0.0/16',
  cidr6: 'fd00:172:18::/64',
  gateway: '172.18.0.1',
  outside: '172.18.255.254',
  /** Services of type LoadBalancer get addresses from here. */
  loadBalancers: '172.18.250.0/24',
  /** On the same link, beside the addresses of nodes. */
  loadBalancers6: 'fd00:172:18:0:250::/112',
} as const;

/** A /16 less its gateway, `outside` and broadcast; a bridge takes 1,023 ports. */
export const mostNodes = 1_000;

/** Settles options, `kubelet` what `kubeletConfig` says; throws {@link OptionError} for the first wrong one. */
export function resolveOptions(options: ClusterOptions, kubelet?: KubeletSettings): ClusterSpec {
  const name = options.name ?? defaults.name;
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
    throw new OptionError(
      'name',
      name,
      "a lowercase RFC 1123 label: a-z, 0-9 and '-', at most 63 characters",
    );
  }
  const programs = programsOf(options.programs);
  const store = storeOf(programs['kube-apiserver'] ? { store: 'etcd', ...options } : options);
  requireEtcd({ programs }, store);
  const { controlPlanes = 1 } = options;
  const count = options.nodes ?? Math.max(defaults.nodes, controlPlanes + 1);
  if (!Number.isInteger(count) || count < controlPlanes || count > mostNodes) {
    throw new OptionError('nodes', count, `a whole number from ${controlPlanes} to ${mostNodes}`);
  }
  const podCidrs = parseCidrs('pod-cidr', options.podCidr ?? defaults.podCidr, { IPv4: 24, IPv6: 64 });
  const serviceCidrs = parseCidrs('service-cidr', options.serviceCidr ?? defaults.serviceCidr, {
    IPv4: 30,
    IPv6: 126,
  });
  const named = [...podCidrs, ...serviceCidrs, parseCidr(underlay.cidr), parseCidr(underlay.cidr6)];
  for (const [index, one] of named.entries()) {
    const clash = named.slice(index + 1).find((other) => overlaps(one, other));
    if (clash) throw new OptionError('service-cidr', clash.text, `must not overlap ${one.text}`);
  }
  const dataplane = options.dataplane ?? 'iptables';
  const nftablesLayout = options.nftablesLayout ?? 'upstream';
  checkDataplane(options);
  const overlay = overlayOf(options, podCidrs);
  const apiPort = options.apiPort ?? 0;
  if (!Number.isInteger(apiPort) || apiPort < 0 || apiPort > 65_535) {
    throw new OptionError('api-port', apiPort, 'a port from 1 to 65535, or 0 for any free one');
  }
  return {
    name,
    nodes: nodeSpecs(
      count,
      controlPlanes,
      firstNodeName(options),
      options.taintControlPlane ?? false,
      podCidrs.some(({ family }) => family === 'IPv6'),
    ),
    podCidrs: podCidrs.map(({ text }) => text),
    serviceCidrs: serviceCidrs.map(({ text }) => text),
    serviceNodePortRange: parsePortRange(options.serviceNodePortRange ?? defaults.serviceNodePortRange),
    overlay,
    bridge: bridgeOf(options),
    cni: cniOf(options),
    clusterDns: dnsAddresses(options.clusterDns, kubelet, serviceCidrs),
    // To a kubelet the name may end in a dot, to a name server it has none.
    clusterDomain: (kubelet?.clusterDomain ?? 'cluster.local').replace(/\.$/, ''),
    ...(kubelet ? { kubelet } : {}),
    dataplane,
    nftablesLayout,
    ...(options.emulatedVersion ? { emulatedVersion: options.emulatedVersion } : {}),
    ...(options.programs ? { programs } : {}),
    ...(options.legacyServiceAccountTokens ? { legacyServiceAccountTokens: true } : {}),
    ...store,
    // An etcd elsewhere is beyond the lab.
    egress: options.egress ?? store.etcd !== undefined,
    trace: options.trace ?? false,
    apiPort,
  };
}

/** The part of the options that says how Services reach the kernel. */
export type DataplaneOptions = Pick<ClusterOptions, 'dataplane' | 'emulatedVersion' | 'nftablesLayout'>;

/** What a cluster may be started with; upstream's precedent for `none` is kind's `kubeProxyMode`. */
const dataplaneModes: readonly DataplaneMode[] = [...availableModes, 'none'];

/** Throws {@link OptionError} for a mode, release or layout that does not exist. */
export function checkDataplane({ dataplane, emulatedVersion, nftablesLayout }: DataplaneOptions): void {
  const check = (option: string, value: string | undefined, known: readonly string[]) => {
    if (value !== undefined && !known.includes(value))
      throw new OptionError(option, value, `must be one of ${known.join(', ')}`);
  };
  check('dataplane', dataplane, dataplaneModes);
  check('emulated-version', emulatedVersion, emulatedVersions);
  check('nftables-layout', nftablesLayout, nftablesLayouts);
}

/** A lab's node is called by a label; the others' names stay theirs. */
function firstNodeName({ nodeName = 'control-plane' }: ClusterOptions): string {
  if (
    /^(?!((apiserver|etcd|worker)\d*|control-plane\d+|lab|outside)$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(
      nodeName,
    )
  )
    return nodeName;
  throw new OptionError('node-name', nodeName, 'a lowercase RFC 1123 label that nothing else in a lab has');
}

const role = 'node-role.kubernetes.io/control-plane';

/** The nodes with an apiserver. */
export const controlPlanes = ({ nodes }: ClusterSpec): NodeSpec[] =>
  nodes.filter(({ labels, joined }) => role in labels && !joined);

function nodeSpecs(
  count: number,
  controls: number,
  first: string,
  taintControlPlane: boolean,
  ipv6: boolean,
): NodeSpec[] {
  const range = parseCidr(underlay.cidr);
  const name = (index: number) => {
    if (index >= controls) return `worker${index === controls ? '' : index - controls + 1}`;
    return index === 0 ? first : `control-plane${index + 1}`;
  };
  return Array.from({ length: count }, (_, index) => ({
    name: name(index),
    address: addressAt(range, index + 2),
    ...(ipv6 ? { address6: addressAt(parseCidr(underlay.cidr6), index + 2) } : {}),
    labels:
      index < controls ? { [role]: '', 'node.kubernetes.io/exclude-from-external-load-balancers': '' } : {},
    taints: index < controls && taintControlPlane ? [{ key: role, effect: 'NoSchedule' }] : [],
  }));
}

function parseCidrs(option: string, text: string, narrowest: Record<Family, number>): Cidr[] {
  const cidrs = text.split(',').map((part) => {
    const cidr = cidrOf(part);
    if (cidr) return cidr;
    throw new OptionError(
      option,
      text,
      'a CIDR such as 10.244.0.0/16, or an IPv4 and an IPv6 one separated by a comma',
    );
  });
  if (cidrs.length > 2 || (cidrs.length === 2 && cidrs[0]?.family === cidrs[1]?.family)) {
    throw new OptionError(option, text, 'at most one CIDR of each address family');
  }
  for (const { bits, family } of cidrs) {
    const most = narrowest[family];
    if (bits > most) throw new OptionError(option, text, `the prefix must be /${most} or shorter`);
  }
  return cidrs;
}

function parsePortRange(text: string): string {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  const [low, high] = [Number(from), Number(to)];
  if (!(low >= 1 && low <= high && high <= 65_535)) {
    throw new OptionError('service-node-port-range', text, 'a range such as 30000-32767 within 1 to 65535');
  }
  return text;
}

/** The apiserver's port inside the lab. */
export const apiserverPort = 6443;

/** `iss` of service-account tokens; upstream: kubeadm's `--service-account-issuer`. */
export const serviceAccountIssuer = 'https://kubernetes.default.svc.cluster.local';

/**
 * The spec of a cluster that exists already, after checking that what the user asks for now is not something
 * else than it was made with. Throws {@link OptionError} for the first difference.
 */
export function agreeWithExisting(
  existing: ClusterSpec,
  options: ClusterOptions,
  wanted: ClusterSpec,
): ClusterSpec {
  const asked: [keyof ClusterOptions, unknown, unknown][] = [
    ['nodes', wanted.nodes.length, existing.nodes.filter(({ joined }) => !joined).length],
    ['nodeName', wanted.nodes[0]?.name, existing.nodes[0]?.name],
    ['podCidr', wanted.podCidrs.join(), existing.podCidrs.join()],
    ['serviceCidr', wanted.serviceCidrs.join(), existing.serviceCidrs.join()],
    ['serviceNodePortRange', wanted.serviceNodePortRange, existing.serviceNodePortRange],
    ['clusterDns', wanted.clusterDns.join() || 'none', existing.clusterDns.join() || 'none'],
    ['overlay', wanted.overlay?.type, existing.overlay?.type ?? 'vxlan'],
    ['bridge', wanted.bridge, existing.bridge ?? 'cni0'],
    ['store', storeText(wanted), storeText(existing)],
    ['controlPlanes', controlPlanes(wanted).length, controlPlanes(existing).length],
  ];
  for (const [option, now, before] of asked) {
    if (options[option] !== undefined && now !== before) {
      const flag = option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      throw new OptionError(
        flag,
        now,
        `cluster ${existing.name} was made with ${before}; v9s down --delete ends it for good`,
      );
    }
  }
  requireEtcd(wanted, existing);
  return {
    ...existing,
    ...(wanted.programs ? { programs: wanted.programs } : {}),
    dataplane: options.dataplane ?? existing.dataplane,
    nftablesLayout: options.nftablesLayout ?? existing.nftablesLayout ?? 'upstream',
    ...(options.emulatedVersion ? { emulatedVersion: options.emulatedVersion } : {}),
    ...(wanted.kubelet ? { kubelet: wanted.kubelet } : {}),
    cni: options.cniConfig === undefined ? existing.cni : wanted.cni,
    egress: options.egress ?? existing.egress,
    trace: options.trace ?? existing.trace,
    apiPort: options.apiPort ?? existing.apiPort,
  };
}
