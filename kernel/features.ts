import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir, release } from 'node:os';
import { dirname, join } from 'node:path';
import { sharesUserNamespace } from './namespaces.ts';
import { CommandError, createKernel, type Kernel } from './run.ts';
import { asRootLine, explainSandboxFailure } from './sandbox-limits.ts';

/** What a cluster may need of the kernel and its tools, in the order in which it is tried. */
export type Feature = keyof typeof probes;

/** Each is really tried, in a sandbox of its own; it holds when the command succeeds. */
const probes = {
  veth: 'ip link add probe0 type veth peer name probe1',
  bridge: 'ip link add probe2 type bridge',
  vxlan: 'ip link add probe3 type vxlan id 1 dstport 8472',
  overlayfs:
    'mount -t tmpfs tmpfs /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m && mount -t overlay -o userxattr,lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt/m',
  // One rule with each match and target of kube-proxy.
  iptables: `iptables-restore -w 5 <<'END'
*nat
:PROBE - [0:0]
-A PROBE -m comment --comment probe -m addrtype --dst-type LOCAL -m mark --mark 0x4000/0x4000 -j MARK --set-xmark 0x4000/0x4000
-A PROBE -m statistic --mode random --probability 0.5 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:80
-A PROBE -m recent --name probe --rcheck --seconds 9 -j MASQUERADE --random-fully
COMMIT
*filter
-A FORWARD -m conntrack --ctstate INVALID -p udp -j REJECT
COMMIT
END`,
  conntrack: 'conntrack -L',
  nf_tables: "nft 'add table ip probe; add map ip probe m { type ipv4_addr . inet_service : verdict; }'",
  ip_set: 'ipset create probe hash:ip,port',
  // In a user namespace of its own only since Linux 6.9.
  ip_vs: 'ipvsadm -Ln && sysctl -qw net.ipv4.vs.conntrack=1',
  dummy: 'ip link add probe4 type dummy',
  sctp: `grep -q ^SCTP /proc/net/protocols || perl -e 'socket(my $s, 2, 1, 132) or die "$!\\n"'`,
  tun: 'exec 3<>/dev/net/tun',
};

/** Without these no cluster starts; the others are for particular options. */
export const requiredFeatures: readonly Feature[] = [
  'veth',
  'bridge',
  'vxlan',
  'overlayfs',
  'iptables',
  'conntrack',
];

/** The kernel modules that provide a feature, where they are not called the same. */
const modules: Partial<Record<Feature, string>> = {
  overlayfs: 'overlay',
  iptables: 'nf_tables',
  conntrack: 'nf_conntrack_netlink',
};

/** What came of the probes: what the tool said for each feature that is missing. */
export interface ProbeResult {
  /** Why namespaces themselves could not be made; then nothing else was tried. */
  sandbox?: { detail: string; fix: string };
  missing: Partial<Record<Feature, string>>;
}

/** Tries every feature in a throw-away sandbox. Takes some 100 ms. */
export async function probeFeatures(kernel: Kernel = createKernel()): Promise<ProbeResult> {
  const user = sharesUserNamespace() ? [] : ['--user', '--map-root-user'];
  const flags = [...user, '--mount', '--net', '--pid', '--fork', '--kill-child'];
  try {
    const args = [...flags, '--mount-proc', 'sh', '-c', probeScript()];
    const { stdout } = await kernel.run('unshare', args, { env: { LC_ALL: 'C' } });
    return { missing: parseProbes(stdout) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { sandbox: explainSandboxFailure(error), missing: {} };
  }
}

/**
 * Throws when this machine lacks one of the features, before anything is built. What was found good is
 * remembered until the next boot in `~/.cache/vethernetes`, so that it costs nothing the second time.
 *
 * @throws `Error` such as `this kernel has no vxlan; …` with what to do
 */
export async function requireFeatures(wanted: readonly Feature[]): Promise<void> {
  const [missing] = await missingFeatures(wanted);
  if (missing) throw new Error(missing.message);
}

/** One that this machine lacks. */
export interface MissingFeature {
  feature: Feature;
  /** `this kernel has no vxlan; …` with what to do. */
  message: string;
  /** Whether the guest kernel of docs/guest-kernel.md has it: what is missing is no command. */
  inGuest: boolean;
}

/**
 * Which of the features this machine lacks; what was found good is remembered as {@link requireFeatures} does.
 *
 * @throws `Error` with the fix where nothing can be tried
 */
export async function missingFeatures(wanted: readonly Feature[]): Promise<MissingFeature[]> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vethernetes', 'features.json');
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const key = `${bootId} ${process.getuid?.()}`;
  if (await isKnownGood(cache, key, wanted)) return [];
  const { sandbox, missing } = await probeFeatures();
  if (sandbox) throw new Error(`${sandbox.detail}; ${sandbox.fix}`);
  const good = featureNames.filter((feature) => missing[feature] === undefined);
  await remember(cache, { key, good });
  return wanted.flatMap((feature) => {
    const said = missing[feature];
    if (said === undefined) return [];
    const guest = inGuest.includes(feature) && !missingCommand(said);
    return [{ feature, message: describeMissing(feature, said), inGuest: guest }];
  });
}

/** In the order of the table above. */
export const featureNames = Object.keys(probes).filter((name): name is Feature => name in probes);

/** `this kernel has no vxlan; run: sudo modprobe vxlan`. */
export function describeMissing(feature: Feature, said: string): string {
  const command = missingCommand(said);
  if (command) return `${feature} needs the command ${command}, which is missing; run \`v9s doctor\``;
  return `this kernel has no ${feature} (${said}); ${fixFor(feature)}`;
}

/** The command a shell did not find: `sh: 3: ipset: not found`. */
export function missingCommand(said: string): string | undefined {
  return /([\w-]+): (?:command )?not found/.exec(said)?.[1];
}

/** One line: load the module, or another kernel where there is none to load. */
export function fixFor(feature: Feature): string {
  if (feature === 'tun' && process.getuid?.() !== 0) return 'start as root (/dev/net/tun is for root alone)';
  const module = modules[feature] ?? feature;
  if (!hasModule(module) && inGuest.includes(feature))
    return 'run the same in the guest kernel: `npm run guest -- COMMAND`';
  return hasModule(module)
    ? `run: ${asRootLine(`modprobe ${module}`)}`
    : `kernel ${release()} was built without it: use a distribution's kernel, such as the virtual machine of \`vagrant up\``;
}

/** What the guest kernel has for machines that lack it. */
const inGuest: readonly Feature[] = ['ip_vs', 'dummy', 'sctp'];

function hasModule(name: string): boolean {
  const pattern = new RegExp(`/${name.replaceAll('_', '[-_]')}\\.ko`, 'm');
  const list = `/lib/modules/${release()}/modules.dep`;
  return existsSync(list) && pattern.test(readFileSync(list, 'utf8'));
}

/** Each probe runs by itself, and what it says becomes one line: `NAME ok` or `NAME no REASON`. */
export function probeScript(): string {
  const each = Object.entries(probes).map(
    ([name, command]) =>
      `if said=$( { ${command}\n} 2>&1 ); then echo '${name} ok'; else echo ${name} no $said; fi`,
  );
  return ['PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin', 'mount -t tmpfs tmpfs /run', ...each].join('\n');
}

export function parseProbes(stdout: string): ProbeResult['missing'] {
  const missing: ProbeResult['missing'] = {};
  for (const name of featureNames) {
    const [, result, said = ''] = new RegExp(`^${name} (ok|no) ?(.*)$`, 'm').exec(stdout) ?? [];
    if (result !== 'ok') missing[name] = said || 'could not be tried';
  }
  return missing;
}

async function isKnownGood(cache: string, key: string, wanted: readonly Feature[]): Promise<boolean> {
  try {
    const known: { key: string; good: Feature[] } = JSON.parse(await readFile(cache, 'utf8'));
    return known.key === key && wanted.every((feature) => known.good.includes(feature));
  } catch {
    return false; // Not there or not readable: the probes tell.
  }
}

async function remember(cache: string, known: { key: string; good: Feature[] }): Promise<void> {
  try {
    await mkdir(dirname(cache), { recursive: true });
    await writeFile(cache, JSON.stringify(known));
  } catch {
    // A home that cannot be written to only costs the next start its probes.
  }
}
