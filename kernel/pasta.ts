import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Command } from './run.ts';

/** The name of the interface that leads out, in the sandbox's own network namespace. */
export const egressInterface = 'egress';

/** Not started yet: a shell that waits to be told the sandbox. */
export interface PastaGuard {
  child: ChildProcess;
  /** Says once how pasta's start went. */
  answers: Readable;
  /** Give it to the sandbox as an inherited descriptor: its end is how the guard learns of the sandbox's. */
  channel: Socket;
}

/**
 * Prepares `pasta` (package passt), which carries connections out of a sandbox through sockets of this
 * user, with no privilege and no change to the host. It runs outside, and so would outlive the sandbox:
 * a guard ends it when the last holder of `channel` is gone.
 */
export function preparePasta(options: {
  env: Readonly<Record<string, string>>;
  /** For the FIFO on which pasta tells that it is ready. */
  stateDir: string;
  log: number;
}): PastaGuard {
  const { env, stateDir, log } = options;
  const stdio = ['ignore' as const, 'pipe' as const, log, 'pipe' as const];
  // A process group of its own, which `kill 0` ends as a whole.
  const child = spawn('sh', ['-c', guardScript, 'guard', `${stateDir}/pasta.fifo`], {
    env,
    stdio,
    detached: true,
    cwd: '/',
  });
  const channel = child.stdio[3];
  if (!(channel instanceof Socket && child.stdout))
    throw new Error('sh could not be started for the guard of pasta');
  return { child, answers: child.stdout, channel };
}

/**
 * Connects the sandbox with this PID 1; fulfilled when its default route stands.
 *
 * @throws `Error` when pasta ended instead; its log says why
 */
export async function connectPasta(
  { child, answers, channel }: PastaGuard,
  pid: number,
  onCommand?: (command: Command) => void,
): Promise<void> {
  const args = pastaArguments(pid);
  onCommand?.({ file: 'pasta', args });
  const said = new Promise<string>((resolve) => {
    answers.once('data', (data) => resolve(String(data).trim()));
    child.once('exit', () => resolve('ended'));
  });
  channel.write(`${args.join(' ')}\n`);
  const answer = await said;
  if (!/^\d+$/.test(answer)) throw new Error('pasta ended at once');
  answers.destroy();
  child.unref();
}

/** Reads pasta's arguments, starts it, tells what came on its PID file (its id, or `ended`), and waits for the end. */
const guardScript = `rm -f "$1" && mkfifo -m 600 "$1" && exec 4<>"$1" || exit 1
read -r arguments <&3 || exit 1
( pasta --pid "$1" $arguments 3>&- 4>&- < /dev/null; echo ended >&4 ) 3>&- >&2 &
read -r said <&4; rm -f "$1"; echo "$said"; exec >&-
read -r end <&3
kill -9 0`;

/**
 * Addresses of RFC 7335, which no host and no cluster has. No port is forwarded in, and the host's own
 * loopback stays out of reach.
 */
export function pastaArguments(pid: number, isRoot = process.getuid?.() === 0): string[] {
  return [
    '--foreground',
    ...(isRoot ? ['--runas', '0'] : []),
    ...['--config-net', '--ipv4-only', '--no-map-gw', '--ns-ifname', egressInterface],
    ...['--address', '192.0.0.2', '--netmask', '29', '--gateway', '192.0.0.1'],
    ...['--tcp-ports', 'none', '--udp-ports', 'none', '--tcp-ns', 'none', '--udp-ns', 'none'],
    ...['--userns', `/proc/${pid}/ns/user`, '--netns', `/proc/${pid}/ns/net`],
  ];
}
