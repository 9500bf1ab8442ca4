import type { Family } from '../../api/address.ts';

/** A set that the rules look things up in. Upstream: `ipsetInfo` in `pkg/proxy/ipvs/proxier.go`, `ipset.go`. */
export interface SetDefinition {
  readonly type: 'hash:ip' | 'hash:ip,port' | 'hash:ip,port,ip' | 'hash:ip,port,net' | 'bitmap:port';
  /** What the rules that use it say of it. */
  readonly comment: string;
}

/** Sets of all releases by their IPv4 name. */
export const setDefinitions = {
  'KUBE-LOOP-BACK': {
    type: 'hash:ip,port,ip',
    comment: 'Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose',
  },
  'KUBE-CLUSTER-IP': {
    type: 'hash:ip,port',
    comment: 'Kubernetes service cluster ip + port for masquerade purpose',
  },
  'KUBE-EXTERNAL-IP': {
    type: 'hash:ip,port',
    comment: 'Kubernetes service external ip + port for masquerade and filter purpose',
  },
  'KUBE-EXTERNAL-IP-LOCAL': {
    type: 'hash:ip,port',
    comment: 'Kubernetes service external ip + port with externalTrafficPolicy=local',
  },
  'KUBE-LOAD-BALANCER': { type: 'hash:ip,port', comment: 'Kubernetes service lb portal' },
  'KUBE-LOAD-BALANCER-FW': {
    type: 'hash:ip,port',
    comment: 'Kubernetes service load balancer ip + port for load balancer with sourceRange',
  },
  'KUBE-LOAD-BALANCER-LOCAL': {
    type: 'hash:ip,port',
    comment: 'Kubernetes service load balancer ip + port with externalTrafficPolicy=local',
  },
  'KUBE-LOAD-BALANCER-SOURCE-IP': {
    type: 'hash:ip,port,ip',
    comment: 'Kubernetes service load balancer ip + port + source IP for packet filter purpose',
  },
  'KUBE-LOAD-BALANCER-SOURCE-CIDR': {
    type: 'hash:ip,port,net',
    comment: 'Kubernetes service load balancer ip + port + source cidr for packet filter purpose',
  },
  'KUBE-NODE-PORT-TCP': {
    type: 'bitmap:port',
    comment: 'Kubernetes nodeport TCP port for masquerade purpose',
  },
  'KUBE-NODE-PORT-LOCAL-TCP': {
    type: 'bitmap:port',
    comment: 'Kubernetes nodeport TCP port with externalTrafficPolicy=local',
  },
  'KUBE-NODE-PORT-UDP': {
    type: 'bitmap:port',
    comment: 'Kubernetes nodeport UDP port for masquerade purpose',
  },
  'KUBE-NODE-PORT-LOCAL-UDP': {
    type: 'bitmap:port',
    comment: 'Kubernetes nodeport UDP port with externalTrafficPolicy=local',
  },
  'KUBE-NODE-PORT-SCTP-HASH': {
    type: 'hash:ip,port',
    comment: "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
  },
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH': {
    type: 'hash:ip,port',
    comment: "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
  },
  'KUBE-NODE-PORT-SCTP': {
    type: 'bitmap:port',
    comment: 'Kubernetes nodeport SCTP port for masquerade purpose',
  },
  'KUBE-NODE-PORT-LOCAL-SCTP': {
    type: 'bitmap:port',
    comment: 'Kubernetes nodeport SCTP port with externalTrafficPolicy=local',
  },
  'KUBE-HEALTH-CHECK-NODE-PORT': { type: 'bitmap:port', comment: 'Kubernetes health check node port' },
  'KUBE-IPVS-IPS': { type: 'hash:ip', comment: 'Kubernetes service addresses on kube-ipvs0' },
} as const satisfies { readonly [name: string]: SetDefinition };

export type SetId = keyof typeof setDefinitions;

export const setIds = Object.keys(setDefinitions).filter((name): name is SetId => name in setDefinitions);

/** The longest name that the kernel takes. */
const longestName = 31;

/** The kernel's name of a set: both families' sets live in one name space. */
export function setName(id: SetId, family: Family): string {
  return family === 'IPv4' ? id : id.replace(/^KUBE-/, 'KUBE-6-').slice(0, longestName);
}

/** `create KUBE-CLUSTER-IP hash:ip,port family inet hashsize 1024 maxelem 65536`. */
export function createLine(id: SetId, family: Family): string {
  const { type } = setDefinitions[id];
  const options =
    type === 'bitmap:port'
      ? 'range 0-65535'
      : `family ${family === 'IPv4' ? 'inet' : 'inet6'} hashsize 1024 maxelem 65536`;
  return `create ${setName(id, family)} ${type} ${options}`;
}

/** What a Set and the keys of a Map have in common. */
export interface Entries {
  readonly size: number;
  has(entry: string): boolean;
  keys(): IterableIterator<string>;
}

/** Entries of each set by the kernel's name. */
export type Sets = ReadonlyMap<string, Entries>;

/** `create` and `add` lines, in our order, entries as they come. */
export function setsText(sets: Sets, family: Family): string {
  const lines = among(sets, family).flatMap((id) => {
    const name = setName(id, family);
    return [
      createLine(id, family),
      ...[...(sets.get(name) ?? noEntries).keys()].map((entry) => `add ${name} ${entry}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}

/** Reads what `ipset save` prints. */
export function parseSets(text: string): Map<string, Set<string>> {
  const sets = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    const [verb, name = '', entry = ''] = line.split(' ');
    if (verb === 'create') sets.set(name, new Set());
    else if (verb === 'add') sets.get(name)?.add(entry);
  }
  return sets;
}

/** What turns the sets that stand into the wanted ones; sets of others are left alone. */
export function setsDifference(standing: Sets, wanted: Sets, family: Family): string[] {
  return among(wanted, family).flatMap((id) => {
    const name = setName(id, family);
    const have = standing.get(name);
    const want = wanted.get(name) ?? noEntries;
    return [
      ...(have ? [] : [createLine(id, family)]),
      ...[...want.keys()].filter((entry) => !have?.has(entry)).map((entry) => `add ${name} ${entry}`),
      ...[...(have ?? noEntries).keys()]
        .filter((entry) => !want.has(entry))
        .map((entry) => `del ${name} ${entry}`),
    ];
  });
}

/** The lines that take out sets which another release has left; nothing may look into them any more. */
export function setsLeft(standing: Sets, wanted: Sets, family: Family): string[] {
  return among(standing, family)
    .map((id) => setName(id, family))
    .filter((name) => !wanted.has(name))
    .map((name) => `destroy ${name}`);
}

const among = (sets: Sets, family: Family) => setIds.filter((id) => sets.has(setName(id, family)));

/** The lines for entries that came (true) or went (false). */
export function setsChanges(changes: ReadonlyMap<string, ReadonlyMap<string, boolean>>): string[] {
  return [...changes].flatMap(([name, entries]) =>
    [...entries].map(([entry, came]) => `${came ? 'add' : 'del'} ${name} ${entry}`),
  );
}

const noEntries: Entries = new Set();
