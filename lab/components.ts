import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createBackoff } from './backoff.ts';
import { utsPath } from './setup.ts';
import type { ComponentSpec, SocketName } from './spec.ts';

/** What is known of a component at one moment. */
export interface ComponentStatus {
  name: string;
  node?: string;
  /** `waiting`: it ended and starts again after its back-off. */
  state: 'running' | 'waiting';
  /** Inside the lab; on the host, `Lab.components()` replaces it with the id there. */
  pid?: number;
  restarts: number;
  /** RFC 3339. */
  startedAt?: string;
  /** Why the last run ended: `exit status 1`, `signal SIGKILL`, or why it could not start. */
  lastEnd?: string;
}

/** A component under supervision. */
export interface Component {
  status(): ComponentStatus;
  /** Ends the present run (SIGTERM, after 5 s SIGKILL) and starts the next without back-off. */
  restart(): void;
  /** Ends it for good, in the same way; resolves when it has ended. */
  stop(): Promise<void>;
}

export interface SuperviseOptions {
  logDir: string;
  sockets: Partial<Record<SocketName, number>>;
  env: NodeJS.ProcessEnv;
  log: (message: string) => void;
}

const termination = 5000;

/** Starts a component and, whenever it ends, starts it again after a back-off. */
export function supervise(spec: ComponentSpec, { logDir, sockets, env, log }: SuperviseOptions): Component {
  const backoff = createBackoff();
  const [file = '', ...args] = [...prefix(spec.node), ...spec.command];
  const inherited = (spec.fds ?? []).map((name) => {
    const fd = sockets[name];
    if (fd === undefined) throw new Error(`component "${spec.name}": the lab has no socket "${name}"`);
    return fd;
  });
  const logFile = openLog(join(logDir, `${spec.name}.log`));
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let restarting = false;
  /** Told when a component that is not to run any more has ended. */
  let stopped: (() => void) | undefined;
  let starts = 0;
  let startedAt = 0;
  let lastEnd: string | undefined;

  const start = () => {
    timer = undefined;
    restarting = false;
    starts += 1;
    startedAt = Date.now();
    const started = spawn(file, args, {
      cwd: spec.cwd ?? '/',
      env: { ...env, ...spec.env },
      stdio: ['ignore', logFile, logFile, ...inherited],
    });
    child = started;
    started.once('error', (error) => ended(error.message));
    started.once('exit', (code, signal) => ended(signal ? `signal ${signal}` : `exit status ${code}`));
  };
  const ended = (why: string) => {
    if (!child) return;
    child = undefined;
    lastEnd = why;
    if (stopped) return stopped();
    const delay = restarting ? 0 : backoff.next(Date.now() - startedAt);
    log(`${spec.name} ended (${why}); starting it again in ${delay} ms`);
    timer = setTimeout(start, delay);
  };
  const terminate = () => {
    const stopping = child;
    stopping?.kill('SIGTERM');
    setTimeout(() => {
      if (child === stopping) stopping?.kill('SIGKILL');
    }, termination).unref();
  };
  start();

  return {
    status: () => ({
      name: spec.name,
      ...(spec.node === undefined ? {} : { node: spec.node }),
      state: child ? 'running' : 'waiting',
      ...(child?.pid === undefined ? {} : { pid: child.pid }),
      restarts: starts - 1,
      startedAt: new Date(startedAt).toISOString(),
      ...(lastEnd === undefined ? {} : { lastEnd }),
    }),
    restart() {
      if (timer) {
        clearTimeout(timer);
        start();
        return;
      }
      restarting = true;
      terminate();
    },
    async stop() {
      clearTimeout(timer);
      if (child)
        await new Promise<void>((resolve) => {
          stopped = resolve;
          terminate();
        });
      closeSync(logFile);
    },
  };
}

/** One `nsenter`, which becomes the program itself: its process id is the component's. */
function prefix(node: string | undefined): string[] {
  return node ? ['nsenter', `--net=/run/netns/${node}`, `--uts=${utsPath(node)}`, '--'] : [];
}

/** Opens for appending; at 10 MB what was there is kept as `FILE.1`. */
export function openLog(file: string, rotateAt = 10 * 1024 * 1024): number {
  const fd = openSync(file, 'a', 0o600);
  if (statSync(file).size < rotateAt) return fd;
  closeSync(fd);
  renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}
