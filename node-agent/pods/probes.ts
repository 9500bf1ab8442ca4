import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect } from 'node:net';
import { joinHostPort } from '../../api/address.ts';
import type { Container, Probe } from '../../api/types.ts';
import { isListening, untilListening } from './listening.ts';

/** Where a container's probes go. */
export interface ProbeTarget {
  ip: string;
  /** The program, and the folder of its attempt, for `exec`. */
  pid: number;
  dir: string;
}

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export interface ProbeEvents {
  /** `started` or `ready` is another than before. */
  onChange(): void;
  onFailure(kind: ProbeKind, message: string): void;
  /** The container must be ended. */
  onUnhealthy(kind: ProbeKind): void;
}

/** The probes of one running container. */
export interface ProbeRunner {
  readonly started: boolean;
  readonly ready: boolean;
  stop(): void;
}

/**
 * Milliseconds between the looks at a container that has just been started: most are ready well before
 * the first period is over. These looks do not count as failures.
 */
const firstLooks = [25, 25, 50, 50, 100, 100, 200, 200, 250];

/** Starts a container's probes; upstream: `pkg/kubelet/prober/worker.go`. */
export function startProbes(container: Container, target: ProbeTarget, events: ProbeEvents): ProbeRunner {
  const end = new AbortController();
  const timers = new Set<NodeJS.Timeout>();
  const { startupProbe, livenessProbe, readinessProbe } = container;
  const ports = (container.ports ?? [])
    .filter(({ protocol = 'TCP' }) => protocol === 'TCP')
    .map(({ containerPort }) => containerPort);
  const state = { started: !startupProbe, ready: !readinessProbe && isListening(target.pid, ports) };

  const loop = (kind: ProbeKind, probe: Probe | undefined, onResult: (healthy: boolean) => boolean) => {
    if (!probe) return;
    const period = (probe.periodSeconds ?? 10) * 1000;
    let successes = 0;
    let failures = 0;
    let early = kind === 'readiness' ? firstLooks.length : 0;
    const turn = async () => {
      const failure = await probeOnce(container, probe, target, end.signal);
      if (end.signal.aborted) return;
      if (failure !== undefined && early > 0) {
        schedule(firstLooks[firstLooks.length - early--] ?? period);
        return;
      }
      early = 0;
      if (failure === undefined) {
        failures = 0;
        successes++;
      } else {
        successes = 0;
        failures++;
        events.onFailure(kind, failure);
      }
      const settled =
        (successes >= (probe.successThreshold ?? 1) && onResult(true)) ||
        (failures >= (probe.failureThreshold ?? 3) && onResult(false));
      if (!settled && !end.signal.aborted) schedule(period);
    };
    const schedule = (delay: number) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        void turn();
      }, delay);
      timers.add(timer);
    };
    schedule((probe.initialDelaySeconds ?? 0) * 1000);
  };

  const startOthers = () => {
    if (!readinessProbe && !state.ready) {
      void untilListening(target.pid, ports, end.signal).then(() => {
        if (end.signal.aborted) return;
        state.ready = true;
        events.onChange();
      });
    }
    loop('readiness', readinessProbe, (healthy) => {
      if (state.ready !== healthy) {
        state.ready = healthy;
        events.onChange();
      }
      return false;
    });
    loop('liveness', livenessProbe, (healthy) => {
      if (!healthy) events.onUnhealthy('liveness');
      return !healthy;
    });
  };
  if (startupProbe)
    loop('startup', startupProbe, (healthy) => {
      if (healthy) {
        state.started = true;
        events.onChange();
        startOthers();
      } else {
        events.onUnhealthy('startup');
      }
      return true;
    });
  else startOthers();

  return {
    get started() {
      return state.started;
    },
    get ready() {
      return state.ready;
    },
    stop() {
      end.abort();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** Undefined when the probe succeeded, else what it saw, in kubelet's words. */
export async function probeOnce(
  container: Container,
  probe: Probe,
  target: ProbeTarget,
  stopped: AbortSignal,
): Promise<string | undefined> {
  const timeout = (probe.timeoutSeconds ?? 1) * 1000;
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(timeout)]);
  const { httpGet: http, tcpSocket, exec } = probe;
  if (http) {
    const scheme = (http.scheme ?? 'HTTP').toLowerCase();
    const port = portNumber(container, http.port);
    const path = http.path?.startsWith('/') ? http.path : `/${http.path ?? ''}`;
    const headers = Object.fromEntries((http.httpHeaders ?? []).map(({ name, value }) => [name, value]));
    const host = http.host || target.ip;
    const url = `${scheme}://${joinHostPort(host, port)}${path}`;
    return httpProbe(url, headers, signal);
  }
  if (tcpSocket) return tcpProbe(tcpSocket.host || target.ip, portNumber(container, tcpSocket.port), signal);
  if (exec) return execProbe(target, exec.command ?? [], signal);
  return 'unsupported probe; use httpGet, tcpSocket or exec';
}

function httpProbe(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const get = url.startsWith('https:') ? httpsGet : httpGet;
    const options = {
      signal,
      agent: false as const,
      rejectUnauthorized: false,
      headers: { 'user-agent': 'kube-probe/1.33', accept: '*/*', connection: 'close', ...headers },
    };
    get(url, options, (response) => {
      response.resume();
      const { statusCode = 0 } = response;
      resolve(
        statusCode >= 200 && statusCode < 400
          ? undefined
          : `HTTP probe failed with statuscode: ${statusCode}`,
      );
    }).on('error', (error) => {
      const why = signal.aborted
        ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
        : error.message;
      resolve(`Get ${JSON.stringify(url)}: ${why}`);
    });
  });
}

function tcpProbe(host: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error) =>
      resolve(`dial tcp ${host}:${port}: ${signal.aborted ? 'i/o timeout' : error.message}`),
    );
  });
}

/** Bytes of what a probe's command says that are kept; upstream: `maxReadLength`. */
const longestOutput = 10 << 10;

async function execProbe(
  { dir, pid }: ProbeTarget,
  command: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { execInContainer } = await import('../runtime/exec.ts');
  const program = execInContainer({ dir, pid, command, stdin: false, tty: false });
  const stop = () => program.hangUp();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let output = '';
  const closed = [program.stdout, program.stderr].map((stream) => {
    stream.on('data', (chunk: Buffer) => {
      if (output.length < longestOutput) output += chunk.toString('utf8');
    });
    return new Promise((resolve) => stream.once('close', resolve));
  });
  try {
    const code = await program.ended;
    await Promise.all(closed);
    return code === 0 ? undefined : output.trim();
  } catch (error) {
    if (signal.aborted) return `command ${JSON.stringify(command.join(' '))} timed out`;
    return error instanceof Error ? error.message : String(error);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function portNumber(container: Container, port: number | string): number {
  if (typeof port === 'number') return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
}
