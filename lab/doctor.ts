import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Feature,
  featureNames,
  fixFor,
  missingCommand,
  type ProbeResult,
  probeFeatures,
  requiredFeatures,
} from '../kernel/features.ts';
import { asRootLine } from '../kernel/sandbox-limits.ts';

/** One thing a machine has or lacks. */
export interface Check {
  name: string;
  ok: boolean;
  /** Whether no cluster can start without it. */
  required: boolean;
  /** What it is for, or what was said when it was tried. */
  detail: string;
  /** One line that puts it right; absent when it is right. */
  fix?: string;
}

interface Tool {
  command: string;
  /** Its package, by package manager where the name differs. */
  packages: { apt: string; dnf?: string; apk?: string; pacman?: string; zypper?: string };
  required: boolean;
  use: string;
}

/** Every command that this project starts or its scenarios show. */
export const tools: readonly Tool[] = [
  { command: 'unshare', packages: { apt: 'util-linux' }, required: true, use: 'namespaces' },
  { command: 'nsenter', packages: { apt: 'util-linux' }, required: true, use: 'entering namespaces' },
  {
    command: 'ip',
    packages: { apt: 'iproute2', dnf: 'iproute' },
    required: true,
    use: 'links, addresses, routes',
  },
  {
    command: 'bridge',
    packages: { apt: 'iproute2', dnf: 'iproute' },
    required: true,
    use: 'forwarding tables',
  },
  { command: 'hostname', packages: { apt: 'hostname', apk: 'busybox' }, required: true, use: 'node names' },
  {
    command: 'iptables-restore',
    packages: { apt: 'iptables' },
    required: true,
    use: 'the iptables dataplane',
  },
  {
    command: 'conntrack',
    packages: { apt: 'conntrack', dnf: 'conntrack-tools', apk: 'conntrack-tools', pacman: 'conntrack-tools' },
    required: true,
    use: 'dropping stale connections',
  },
  { command: 'nft', packages: { apt: 'nftables' }, required: false, use: 'the nftables dataplane' },
  { command: 'ipset', packages: { apt: 'ipset' }, required: false, use: 'the IPVS dataplane' },
  { command: 'ipvsadm', packages: { apt: 'ipvsadm' }, required: false, use: 'the IPVS dataplane' },
  {
    command: 'pasta',
    packages: { apt: 'passt' },
    required: false,
    use: 'the way out for pods (--egress)',
  },
  {
    command: 'kubectl',
    packages: { apt: 'kubernetes-client', dnf: 'kubernetes-client' },
    required: false,
    use: 'talking to a cluster',
  },
  { command: 'curl', packages: { apt: 'curl' }, required: false, use: 'scenarios' },
  {
    command: 'dig',
    packages: { apt: 'dnsutils', dnf: 'bind-utils', apk: 'bind-tools', pacman: 'bind' },
    required: false,
    use: 'scenarios',
  },
  {
    command: 'ping',
    packages: { apt: 'iputils-ping', dnf: 'iputils', apk: 'iputils', pacman: 'iputils' },
    required: false,
    use: 'scenarios',
  },
  { command: 'brctl', packages: { apt: 'bridge-utils' }, required: false, use: 'scenarios' },
];

const uses: Record<Feature, string> = {
  veth: 'the links of pods and nodes',
  bridge: 'the network of a node',
  vxlan: 'the network between nodes',
  overlayfs: "pods' writable roots",
  iptables: 'the iptables dataplane',
  conntrack: 'dropping stale connections',
  nf_tables: 'the nftables dataplane',
  ip_set: 'the IPVS dataplane',
  ip_vs: 'the IPVS dataplane',
  dummy: 'the IPVS dataplane',
  sctp: 'Services with protocol SCTP',
  tun: 'the udp overlay, --egress',
};

/** What this machine's kernel and packages allow, with the fix for each lack. */
export async function checkMachine(): Promise<Check[]> {
  const result = await probeFeatures();
  return [
    ...tools.map(checkTool),
    checkSandbox(result),
    ...featureNames.map((name) => checkFeature(name, result)),
  ];
}

function checkTool({ command, packages, required, use }: Tool): Check {
  const name = `command ${command}`;
  const path = findCommand(command);
  if (path) return { name, ok: true, required, detail: path };
  return { name, ok: false, required, detail: `missing; for ${use}`, fix: installLine(packages) };
}

function checkSandbox({ sandbox }: ProbeResult): Check {
  const name = 'namespaces';
  if (!sandbox)
    return { name, ok: true, required: true, detail: 'user, mount, network and PID namespaces, proc' };
  return { name, ok: false, required: true, ...sandbox };
}

function checkFeature(feature: Feature, { sandbox, missing }: ProbeResult): Check {
  const base = { name: `kernel ${feature}`, required: requiredFeatures.includes(feature) };
  if (sandbox) return { ...base, ok: false, detail: 'not tried without namespaces', fix: sandbox.fix };
  const said = missing[feature];
  if (said === undefined) return { ...base, ok: true, detail: `for ${uses[feature]}` };
  const tool = tools.find(({ command }) => command === missingCommand(said));
  const fix = tool ? installLine(tool.packages) : fixFor(feature);
  return { ...base, ok: false, detail: `${said}; for ${uses[feature]}`, fix };
}

/** Throws an `Error` that names the package when a command that something wants is missing. */
export function requireTool(command: string, wantedBy: string): void {
  const tool = tools.find((known) => known.command === command);
  if (!findCommand(command))
    throw new Error(
      `${wantedBy} needs the command ${command}, which is missing; ${tool ? installLine(tool.packages) : 'install it'}`,
    );
}

/** Where a command is, in `PATH` and the system directories an ordinary user's `PATH` leaves out. */
export function findCommand(command: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder || '.', command)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Missing or not executable: the same to whoever wants to start it.
  }
}

/** One line for this distribution's package manager. */
export function installLine(
  packages: Tool['packages'],
  exists: (path: string) => boolean = existsSync,
): string {
  const managers = [
    ['/usr/bin/apt-get', 'apt-get install -y', packages.apt],
    ['/usr/bin/dnf', 'dnf install -y', packages.dnf ?? packages.apt],
    ['/sbin/apk', 'apk add', packages.apk ?? packages.apt],
    ['/usr/bin/pacman', 'pacman -S --noconfirm', packages.pacman ?? packages.apt],
    ['/usr/bin/zypper', 'zypper install -y', packages.zypper ?? packages.apt],
  ] as const;
  for (const [path, install, name] of managers)
    if (exists(path)) return `run: ${asRootLine(`${install} ${name}`)}`;
  return `install the package ${packages.apt}`;
}
