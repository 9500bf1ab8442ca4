import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const forwarded = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']);

/**
 * How a program ended.
 *
 * @typedef {{ code: number | null, signal: NodeJS.Signals | null, output: string }} Ending
 */

/**
 * Starts a program, stays until it ends, and hands it every signal that would have ended this process.
 *
 * @param {string} file @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string | undefined, capture?: boolean }} [options]
 *   `capture` collects standard output and error in `output`; otherwise the program has our terminal.
 * @returns {Promise<Ending>}
 */
export function start(file, args, { env = process.env, cwd, capture = false } = {}) {
  /** @type {import('node:child_process').StdioOptions} */
  const stdio = capture ? ['ignore', 'pipe', 'pipe'] : 'inherit';
  /** @type {import('node:child_process').ChildProcess} */
  const child = spawn(file, args, { env, cwd, stdio });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  /** @type {NodeJS.Signals | null} */
  let received = null;
  const forward = (/** @type {NodeJS.Signals} */ signal) => {
    received = signal;
    if (!cameFromTerminal(signal)) child.kill(signal);
  };
  for (const signal of forwarded) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      // npm and apt-get answer a signal with an exit status of their own; we were told to end all the same.
      const ended = capture && code !== 0 ? received : null;
      resolve({ code, signal: signal ?? ended, output });
    });
  }).finally(() => {
    for (const signal of forwarded) process.off(signal, forward);
  });
}

/**
 * Ends this process as the program ended: the same exit status, or the same signal.
 *
 * @param {Ending} ending
 */
export function endAs({ code, signal }) {
  if (signal) process.kill(process.pid, signal);
  else process.exitCode = code ?? 1;
}

/**
 * The kernel sends the signals of Ctrl-C and Ctrl-\ to the whole foreground process group, so the program
 * has them already; a second Ctrl-C would mean "at once" to it. See credentials(7), proc_pid_stat(5).
 *
 * @param {NodeJS.Signals} signal
 */
function cameFromTerminal(signal) {
  if (signal !== 'SIGINT' && signal !== 'SIGQUIT') return false;
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const [, , processGroup, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return processGroup === foreground;
}
