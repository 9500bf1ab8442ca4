import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { netnsPath } from './ip.ts';
import type { Command } from './run.ts';

export interface SandboxOptions {
  /** Run by `sh` as PID 1 of the sandbox; `args` are its `$1`, `$2`, … */
  script: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Index 3 must be `'pipe'`: the map of user ids is agreed on it before `script` runs. */
  stdio: StdioOptions;
  /** Keeps the caller's user and network namespaces: root alone can. */
  onMachine?: boolean | undefined;
  /** `cgroup.procs` of groups that all processes of the sandbox are to be in. */
  cgroups?: readonly string[];
  onCommand?: ((command: Command) => void) | undefined;
}

/** Namespaces with a PID 1 of their own. */
export interface Sandbox {
  /** The `unshare` that waits outside; when it dies its PID 1 does, and the other way round. */
  child: ChildProcess;
  /** The parent's end of descriptor 3. */
  channel: Socket;
}

/**
 * Starts new user, mount, network and PID namespaces, which end with their PID 1.
 *
 * An ordinary user is mapped to root alone. Root maps ids 0 to 65535 onto themselves, so that other
 * users exist inside; `unshare --map-users` would need newuidmap, hence the two steps: the user
 * namespace, its maps written from here, then the others.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { script, args, env, stdio, onMachine = false, cgroups = [], onCommand } = options;
  const init = ['sh', '-c', script, 'lab', ...args];
  const network = onMachine ? [] : ['--net'];
  const others = ['--mount', ...network, '--pid', '--fork', '--kill-child', '--mount-proc'];
  const sharesUser = onMachine || sharesUserNamespace();
  const asRoot = process.getuid?.() === 0 && !sharesUser;
  const unshareArgs = sharesUser
    ? [...others, ...init]
    : asRoot
      ? ['--user', 'sh', '-c', waitForMaps, 'sh', 'unshare', ...others, ...init]
      : ['--user', '--map-root-user', ...others, ...init];
  onCommand?.({ file: 'unshare', args: unshareArgs });
  const command = [...enterCgroups(cgroups), 'unshare', ...unshareArgs];
  const child = spawn(command[0] ?? '', command.slice(1), { env, stdio, detached: true, cwd: '/' });
  const channel = child.stdio[3];
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) =>
      reject(new Error('unshare could not be started; install the package util-linux', { cause: error })),
    );
  });
  if (!(channel instanceof Socket)) throw new Error('startSandbox: stdio[3] must be a pipe');
  try {
    if (asRoot) {
      await firstData(channel, child);
      writeFileSync(`/proc/${child.pid}/uid_map`, identityMap('/proc/self/uid_map'));
      writeFileSync(`/proc/${child.pid}/gid_map`, identityMap('/proc/self/gid_map'));
      channel.write('\n');
    }
    return { child, channel };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** What goes before a command that is to be in these groups. One that is gone is not worth a lab. */
const enterCgroups = (files: readonly string[]) =>
  files.length === 0
    ? []
    : ['sh', '-c', `for f in ${files.map(quote).join(' ')}; do echo 0 > "$f"; done; exec "$@"`, 'sh'];

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** `exec` after the maps are there gives the full capabilities of the new namespace's root. */
const waitForMaps = 'echo >&3; read -r _ <&3; exec "$@"';

/** The part of 0 to 65535 that exists here, as one write to `uid_map` or `gid_map`. */
function identityMap(file: string): string {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([first = 0, , count = 0]) => {
      const end = Math.min(first + count, 65_536);
      return first < end ? [`${first} ${first} ${end - first}\n`] : [];
    })
    .join('');
}

/** Rejects when the child ends first. */
function firstData(channel: Socket, child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('unshare ended before its namespaces were ready'));
    child.once('exit', onExit);
    channel.once('data', () => {
      child.off('exit', onExit);
      channel.pause();
      resolve();
    });
  });
}

/**
 * Whether sandboxes stay in the caller's user namespace, as `V9S_USER_NAMESPACE=shared` asks. For a machine
 * of their own only, such as the guest kernel: before Linux 6.9 IPVS answers nobody in another user namespace.
 */
export function sharesUserNamespace(): boolean {
  return process.env.V9S_USER_NAMESPACE === 'shared';
}

export interface EnterOptions {
  /** A name below the sandbox's `/run/netns`, or a path. */
  netns?: string | undefined;
  /** Path of a UTS namespace inside the sandbox. */
  uts?: string | undefined;
  /** Working directory inside; `/` by default. */
  cwd?: string | undefined;
  /** Whether the sandbox has its starter's user and network namespaces. */
  onMachine?: boolean | undefined;
}

/** The command that runs `command` in the sandbox whose PID 1 is `pid`, as seen from outside. */
export function enterCommand(pid: number, command: readonly string[], options: EnterOptions = {}): Command {
  const { netns, uts, cwd, onMachine = false } = options;
  const inner = [
    ...(netns ? [`--net=${netnsPath(netns)}`] : []),
    ...(uts ? [`--uts=${uts}`] : []),
    ...(cwd ? [`--wd=${cwd}`] : []),
  ];
  const user = onMachine || sharesUserNamespace() ? [] : ['--user', '--preserve-credentials'];
  const namespaces = [...user, '--mount', '--net', '--pid'];
  return {
    file: 'nsenter',
    args: [
      '--target',
      String(pid),
      ...namespaces,
      '--',
      ...(inner.length > 0 ? ['nsenter', ...inner, '--'] : []),
      ...command,
    ],
  };
}
