import { isIPv4, isIPv6 } from 'node:net';
import { isAbsolute } from 'node:path';

/** A network namespace with one address on the underlay. */
export interface LabNode {
  name: string;
  /** IPv4, inside 172.18.0.0/16. */
  address: string;
  /** In addition, for a lab with IPv6: inside fd00:172:18::/64. */
  address6?: string;
}

/** A program that the supervisor keeps running. */
export interface ComponentSpec {
  /** Unique in the lab; names its log file, too. */
  name: string;
  /** Program and arguments; the program by absolute path or as found in `PATH`. */
  command: readonly string[];
  /** The node (or `outside`) it runs in; without it the lab's own network namespace. */
  node?: string;
  /** Added to the lab's small environment (`PATH`, `HOME`, `LANG`, `TZ`). */
  env?: Readonly<Record<string, string>>;
  /** Absolute; `/` by default. */
  cwd?: string;
  /** Inherited host sockets: the first becomes file descriptor 3, the next 4, … */
  fds?: readonly SocketName[];
}

/** `api`: the TCP listener on the host's 127.0.0.1. */
export type SocketName = 'api';

/** What the supervisor reads: everything about a lab that is known before it starts. */
export interface LabSpec {
  name: string;
  stateDir: string;
  nodes: readonly LabNode[];
  components: readonly ComponentSpec[];
  lifetime: 'detached' | 'owner';
  /** Upstream name servers in order of preference, each with its inherited socket. */
  nameservers: readonly { address: string; port: number; fd: number }[];
  sockets: Partial<Record<SocketName, number>>;
  /** Both ways between `startLab` and the supervisor. */
  channelFd: number;
  /** The one node is the machine itself, with its network. */
  onMachine?: boolean;
}

/** The lab's end of the underlay: gateway of the nodes and their name server. */
export const gateway = '172.18.0.1';
/** Address of the netns `outside`, from which clients reach node ports. */
export const outsideAddress = '172.18.255.254';
export const prefixLength = 16;

/** The same for IPv6, in a lab of which a node has such an address. */
export const gateway6 = 'fd00:172:18::1';
export const outsideAddress6 = 'fd00:172:18::fffe';
export const prefixLength6 = 64;

/** Whether the underlay has IPv6, too. */
export const hasIpv6 = (nodes: readonly LabNode[]): boolean =>
  nodes.some(({ address6 }) => address6 !== undefined);

/** From where clients come; with IPv6 where nodes have it. */
export function outsideNode(nodes: readonly LabNode[]): LabNode {
  return {
    name: 'outside',
    address: outsideAddress,
    ...(hasIpv6(nodes) ? { address6: outsideAddress6 } : {}),
  };
}

/** Commands that somebody puts there, inside the lab, are found before all others. */
export const commandFolder = '/run/v9s/bin';

/** Throws an `Error` that names the first wrong value. */
export function validateNames({
  name,
  nodes,
  components,
  onMachine = false,
}: Pick<LabSpec, 'name' | 'nodes' | 'components' | 'onMachine'>): void {
  requireName('lab name', name);
  const taken = new Map<string, string>([
    [gateway, 'the gateway'],
    [gateway6, 'the gateway'],
  ]);
  const names = new Set<string>();
  for (const node of nodes) {
    requireName('node name', node.name);
    if (names.has(node.name)) throw new Error(`node name "${node.name}" is given twice`);
    names.add(node.name);
    // Its addresses are whatever it has.
    if (onMachine) continue;
    if (!isIPv4(node.address) || !/^172\.18\./.test(node.address) || /\.0\.0$|\.255\.255$/.test(node.address))
      throw new Error(
        `node "${node.name}": address "${node.address}" is not a host address in 172.18.0.0/16`,
      );
    const { address6 } = node;
    if (address6 !== undefined && !(isIPv6(address6) && /^fd00:172:18::[0-9a-f]{1,4}$/.test(address6)))
      throw new Error(
        `node "${node.name}": address "${address6}" is not an address in fd00:172:18::/112, such as fd00:172:18::2`,
      );
    for (const address of [node.address, ...(address6 ? [address6] : [])]) {
      const owner = taken.get(address);
      if (owner) throw new Error(`node "${node.name}": address ${address} belongs to ${owner}`);
      taken.set(address, `"${node.name}"`);
    }
  }
  const seen = new Set<string>();
  for (const { name: component, command, node, cwd } of components) {
    requireName('component name', component);
    if (component === 'lab' || seen.has(component))
      throw new Error(`component name "${component}" is ${component === 'lab' ? 'reserved' : 'given twice'}`);
    seen.add(component);
    if (!command[0]) throw new Error(`component "${component}": command is empty`);
    if (node !== undefined && !names.has(node))
      throw new Error(
        `component "${component}": there is no node "${node}"; nodes are ${[...names].join(', ')}`,
      );
    if (cwd !== undefined && !isAbsolute(cwd))
      throw new Error(`component "${component}": cwd "${cwd}" must be absolute`);
  }
}

/** RFC 1123 label: it becomes a host name, a file name and a part of an interface's alias. */
function requireName(what: string, name: string): void {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
    throw new Error(
      `${what} "${name}" must be 1 to 63 lower-case letters, digits or '-', starting and ending with a letter or digit`,
    );
}
