import { existsSync } from 'node:fs';
import { type Guard, guardSteps } from './guard.ts';
import { attachSocket } from './paths.ts';
import { type BindMount, imageRootSteps, overlaySteps, rootSteps } from './root-plan.ts';

/** One step of the shim: a verb and its arguments. */
export type Step = readonly [verb: string, ...args: string[]];

/** A container as the runtime starts it: everything looked up, nothing left to decide. */
export interface ContainerSpec {
  /** Folder of this attempt: `plan`, `pid`, `exit` and `root` are below it. */
  dir: string;
  logFile: string;
  /** Created when the container has ended, so that a watcher of its folder wakes up. */
  notifyFile: string;
  /** Path of the pod's network namespace; undefined for the node's own. */
  netns: string | undefined;
  /** Folder that holds the pod's `uts` and `ipc` namespaces; `shared` when they exist already. */
  namespaces: { dir: string; shared: boolean; hostIpc?: boolean };
  /** Path of a PID namespace that the program lives in with others, '' for this process's; without, it has its own. */
  pidNamespace?: string;
  hostname: string;
  /** The program and its arguments. */
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDir: string;
  /** Folders of the cgroup that it lives in, one for each hierarchy; without, it stays in that of who starts it. */
  cgroups?: readonly string[];
  /** How many processes and threads it may have; see `mostProcesses`. */
  processes?: number;
  /** The tree of a loaded image, which is the whole root; without, one is made around the host's `/usr`. */
  rootfs?: string;
  /** Left open for who attaches; `once`: until the first of them ends it. Without, there is no input. */
  stdin?: 'once' | 'open';
  /** On a terminal of its own. */
  tty?: boolean;
  /** On top of the root: image files, `/etc/resolv.conf`, volumes. In order. */
  binds: readonly BindMount[];
  user?: { uid: number; gid: number; groups: readonly number[] };
  privileged: boolean;
  /** Linux names without `CAP_`, added to or taken from the default set. */
  capabilities?: { add?: readonly string[]; drop?: readonly string[] };
  readOnlyRoot?: boolean;
  /** Programs with set-user-id bits or capabilities of their own give nobody more (`no_new_privs`). */
  noNewPrivileges?: boolean;
  /** Of the pod's namespaces, by their names with dots; set when these are made. */
  sysctls?: Readonly<Record<string, string>>;
}

/** The host's layout, looked up once: `uname` machine and how `/bin`, `/lib` … are made. */
export interface HostLayout {
  machine: 'x86_64' | 'aarch64';
  /** `bin` → `usr/bin`, or undefined where it is a directory of its own. */
  links: Readonly<Record<string, string | undefined>>;
  guard: Guard;
}

/** Bytes of one log file, kubelet's `containerLogMaxSize`, and how many there are: they are in memory. */
const logLimit = 10 << 20;
const logFiles = 2;

/** Seconds: what a volume lies on may not answer. Kubelet's `runtimeRequestTimeout`. */
const startDeadline = 120;

/** Linux's capabilities by number; `linux/capability.h`. */
const capabilityNames =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'.split(
    ' ',
  );

/** What containerd leaves to an ordinary container; its `oci/spec.go`, defaultUnixCaps. */
const defaultCapabilities =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'.split(
    ' ',
  );

/**
 * The steps that shim.pl carries out to start one container.
 *
 * Settings for the shim itself: `arch MACHINE`; `deadline SECONDS` for all steps before the program runs; `log FILE BYTES FILES`, put aside at that size, so many kept;
 * `pid`, `exit`, `notify` FILE; `attach SOCKET`; `stdin ONCE`; `tty`; `pidns FILE`, a PID namespace to join, none for the one that is there. Steps of the program's process, in order: `ns FILE` enters a namespace; `hold TYPE FILE` makes one and binds it to FILE;
 * `cgroup FILE` enters the group whose `cgroup.procs` that is; `unshare TYPE`; `hostname NAME`; `mount SOURCE TARGET TYPE FLAGS DATA`; `overlay LOWER TARGET UPPER`;
 * `bind SOURCE TARGET rec,ro,nodev,optional BASE`, with BASE for a source below it whose links lead nowhere else; `hide PATH`; `dir PATH MODE`; `link TARGET PATH`; `set FILE VALUE`
 * writes to a file of the kernel; `sysctl FILE VALUE` too, and may fail; `root PATH` pivots; `cwd PATH`; `env NAME VALUE`; `drop CAPABILITY…` by number; `nonewprivs`; `nomounts`;
 * `user UID GID GROUP…`; `exec FILE ARGUMENT…`.
 */
export function containerPlan(spec: ContainerSpec, host: HostLayout): Step[] {
  const { dir, namespaces } = spec;
  const root = `${dir}/root`;
  const shared = namespaces.hostIpc ? ['uts'] : ['uts', 'ipc'];
  return [
    ['arch', host.machine],
    ['deadline', String(startDeadline)],
    ['log', spec.logFile, String(logLimit), String(logFiles)],
    ['pid', `${dir}/pid`],
    ['exit', `${dir}/exit`],
    ['notify', spec.notifyFile],
    ['attach', `${dir}/${attachSocket}`],
    ...(spec.stdin ? [['stdin', spec.stdin === 'once' ? 'once' : ''] as const] : []),
    ...(spec.tty ? [['tty'] as const] : []),
    ...(spec.pidNamespace === undefined ? [] : [['pidns', spec.pidNamespace] as const]),
    ...cgroupSteps(spec),
    ...(spec.netns ? [['ns', spec.netns] as const] : []),
    ...(namespaces.shared
      ? shared.map((type) => ['ns', `${namespaces.dir}/${type}`] as const)
      : [
          ...shared.map((type) => ['hold', type, `${namespaces.dir}/${type}`] as const),
          ['hostname', spec.hostname] as const,
          ...Object.entries(spec.sysctls ?? {}).map(
            ([name, value]) => ['set', `/proc/sys/${name.replaceAll('.', '/')}`, value] as const,
          ),
        ]),
    ['unshare', 'mnt'],
    ['mount', 'none', '/', '', 'rec,private', ''],
    ...kernelFor(
      spec,
      host.guard,
      root,
      spec.rootfs
        ? imageRootSteps(root, spec.rootfs, spec.processes)
        : rootSteps(root, host.links, spec.processes),
    ),
    ...guardSteps(root, host.guard, spec.privileged),
    ...cgroupMount(root, spec),
    ...overlaySteps(root, spec.binds),
    ['root', root],
    ...(spec.readOnlyRoot ? [['mount', 'none', '/', '', 'remount,bind,ro', ''] as const] : []),
    ...Object.entries(spec.env).map(([name, value]) => ['env', name, value] as const),
    ['cwd', spec.workingDir || '/'],
    ...dropSteps(spec),
    ...mountSteps(spec, host.guard),
    ...(spec.noNewPrivileges ? [['nonewprivs'] as const] : []),
    ...(spec.user
      ? [
          [
            'user',
            String(spec.user.uid),
            String(spec.user.gid),
            ...spec.user.groups.map((group) => String(group)),
          ] as const,
        ]
      : []),
    ['exec', ...spec.command],
  ];
}

/**
 * A privileged container may write to `/sys`, as far as its namespaces go. A PID namespace that is another's keeps the
 * limits that it has.
 */
function kernelFor(
  { privileged, pidNamespace }: ContainerSpec,
  guard: Guard,
  root: string,
  all: Step[],
): Step[] {
  const steps = pidNamespace === undefined ? all : all.filter(([verb]) => verb !== 'sysctl');
  if (!privileged || guard.isMachineRoot) return steps;
  return steps.map(
    (step) => (step[2] === `${root}/sys` ? step.map((word) => word.replace(/,ro$/, '')) : step) as Step,
  );
}

/** What it sees of cgroups begins at its own. */
const cgroupSteps = ({ cgroups = [] }: ContainerSpec): Step[] =>
  cgroups.length === 0
    ? []
    : [...cgroups.map((folder): Step => ['cgroup', `${folder}/cgroup.procs`]), ['unshare', 'cgroup']];

/** Programs look there for what they may use; with version 2, which has one folder for all controllers. */
const cgroupMount = (root: string, { cgroups = [] }: ContainerSpec): Step[] =>
  cgroups.length === 1 && existsSync(`${cgroups[0]}/cgroup.controllers`)
    ? [['mount', 'cgroup2', `${root}/sys/fs/cgroup`, 'cgroup2', 'nosuid,nodev,noexec,ro', '']]
    : [];

/** Who might mount what was left out of its root, is kept from it where that would be the machine's. */
function mountSteps({ privileged, capabilities }: ContainerSpec, { isMachineRoot }: Guard): Step[] {
  const { add } = inCapitals(capabilities);
  const mayMount = privileged || add.includes('SYS_ADMIN') || add.includes('ALL');
  return isMachineRoot && mayMount ? [['nomounts']] : [];
}

function dropSteps({ privileged, capabilities }: ContainerSpec): Step[] {
  const { add, drop } = inCapitals(capabilities);
  if (privileged || add.includes('ALL')) return [];
  const kept = new Set([...(drop.includes('ALL') ? [] : defaultCapabilities), ...add]);
  for (const name of drop) if (!add.includes(name)) kept.delete(name);
  const numbers = capabilityNames.flatMap((name, number) => (kept.has(name) ? [] : [String(number)]));
  return [['drop', ...numbers]];
}

/** `drop: [all]` is as good as `ALL`. Upstream: containerd `internal/cri/opts`. */
function inCapitals({ add = [], drop = [] }: ContainerSpec['capabilities'] = {}) {
  const upper = (names: readonly string[]) => names.map((name) => name.toUpperCase());
  return { add: upper(add), drop: upper(drop) };
}

/** The text of a plan: a line a step, arguments separated by tabs. */
export function planText(steps: readonly Step[]): string {
  return steps.map((step) => `${step.map(escaped).join('\t')}\n`).join('');
}

const escapes: Record<string, string> = { '%': '%25', '\t': '%09', '\n': '%0A', '\r': '%0D' };

function escaped(argument: string): string {
  return argument.replace(/[%\t\n\r]/g, (character) => escapes[character] ?? character);
}
