import { type Command, CommandError, type Kernel, type Output } from './run.ts';

export interface BatchOptions {
  /** A name below `/run/netns` or a path such as `/proc/42/ns/net`; without it the caller's own namespace. */
  netns?: string;
  /** Go on after a failed line (`-force`); the call still rejects, naming every line that failed. */
  force?: boolean;
  /** Print JSON (`-json`): one document per line that shows something. */
  json?: boolean;
  signal?: AbortSignal;
}

/** A line of a batch that the kernel or the tool refused. */
export interface FailedLine {
  /** Counts from 1. */
  number: number;
  /** The line as it was given, without the tool's name. */
  line: string;
  /** What the tool said, such as `Cannot find device "eth7"`. */
  message: string;
}

/** A batch of which at least one line failed. Lines before the first failed one have been carried out. */
export class BatchError extends CommandError {
  /** Empty when the tool stopped without telling at which line (its parser may just exit). */
  readonly failed: readonly FailedLine[];

  constructor(command: Command, exitCode: number | undefined, stderr: string, tool: string) {
    super(command, exitCode, stderr, 'failed');
    const failed = failedLines(command.input ?? '', stderr);
    this.name = 'BatchError';
    this.failed = failed;
    if (failed.length > 0)
      this.message = failed.map(({ line, message }) => `${tool} ${line}: ${message}`).join('\n');
  }
}

/**
 * Runs `ip` commands, written without the leading `ip`, in one process: `['link add br0 type bridge', …]`.
 * Stops at the first failure unless `force` is set.
 *
 * @throws {BatchError} that names the failed line and what `ip` said of it
 */
export function ipBatch(
  kernel: Kernel,
  commands: readonly string[],
  options: BatchOptions = {},
): Promise<Output> {
  return batch(kernel, 'ip', commands, options);
}

/** Like {@link ipBatch}, for `bridge` (`fdb append …`, `link set … hairpin on`, `vlan …`). */
export function bridgeBatch(
  kernel: Kernel,
  commands: readonly string[],
  options: BatchOptions = {},
): Promise<Output> {
  return batch(kernel, 'bridge', commands, options);
}

async function batch(
  kernel: Kernel,
  tool: 'ip' | 'bridge',
  commands: readonly string[],
  { netns, force, json, signal }: BatchOptions,
): Promise<Output> {
  if (commands.length === 0) return { stdout: '', stderr: '' };
  const call = [tool, ...(force ? ['-force'] : []), ...(json ? ['-json'] : []), '-batch', '-'];
  // `ip -n NAME` copies the mount table for each call; nsenter does not.
  const [file = tool, ...args] = netns ? ['nsenter', `--net=${netnsPath(netns)}`, ...call] : call;
  const input = `${commands.join('\n')}\n`;
  try {
    return await kernel.run(file, args, { input, ...(signal ? { signal } : {}) });
  } catch (error) {
    if (error instanceof CommandError && error.exitCode !== undefined)
      throw new BatchError(error.command, error.exitCode, error.stderr, tool);
    throw error;
  }
}

/** `worker` → `/run/netns/worker`; a path stays as it is. */
export function netnsPath(netns: string): string {
  return netns.includes('/') ? netns : `/run/netns/${netns}`;
}

/** Pairs each `Command failed -:3` of iproute2 with line 3 and with what was said before it. */
export function failedLines(input: string, stderr: string): FailedLine[] {
  const lines = input.split('\n');
  const failed: FailedLine[] = [];
  let said: string[] = [];
  for (const text of stderr.split('\n')) {
    const number = Number(/^Command failed -:(\d+)$/.exec(text)?.[1]);
    if (number) {
      failed.push({ number, line: lines[number - 1] ?? '', message: said.join('; ') || 'failed' });
      said = [];
    } else if (text.trim()) {
      said.push(text.replace(/^(RTNETLINK answers|Error): /, ''));
    }
  }
  return failed;
}
