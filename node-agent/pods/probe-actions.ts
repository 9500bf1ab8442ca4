import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect } from 'node:net';
import { joinHostPort } from '../../api/address.ts';
import type { Container, HTTPGetAction, Probe } from '../../api/types.ts';

/** Where what is asked of a container goes. */
export interface ProbeTarget {
  ip: string;
  /** The program, and the folder of its attempt, for `exec`. */
  pid: number;
  dir: string;
}

/** Redirections that an HTTP probe follows; upstream: `pkg/probe/http`, as Go's client. */
const mostRedirects = 10;

/** Undefined when the probe succeeded within its time, else what it saw, in kubelet's words. */
export function probeOnce(
  container: Container,
  probe: Probe,
  target: ProbeTarget,
  stopped: AbortSignal,
): Promise<string | undefined> {
  const timeout = (probe.timeoutSeconds ?? 1) * 1000;
  return runAction(container, probe, target, AbortSignal.any([stopped, AbortSignal.timeout(timeout)]));
}

/** Asks a container by HTTP, TCP, gRPC or a command in it. Undefined when it answers well, else what happened. */
export async function runAction(
  container: Container,
  action: Pick<Probe, 'httpGet' | 'tcpSocket' | 'exec' | 'grpc'>,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { httpGet: http, tcpSocket, exec, grpc } = action;
  if (exec) return runCommand(target, exec.command ?? [], signal);
  if (grpc) {
    const { grpcProbe } = await import('./probe-grpc.ts');
    return grpcProbe({ host: target.ip, port: grpc.port, service: grpc.service ?? '' }, signal);
  }
  const named = http?.port ?? tcpSocket?.port ?? 0;
  const port = portNumber(container, named);
  if (port === undefined)
    return `couldn't find port: ${JSON.stringify(named)} in container ${container.name}`;
  if (http) return askHttp(urlOf(http, target, port), headersOf(http), signal);
  if (tcpSocket) return askTcp(tcpSocket.host || target.ip, port, signal);
  return 'missing probe handler: one of httpGet, tcpSocket, grpc or exec is needed';
}

function urlOf({ scheme, path = '', host }: HTTPGetAction, { ip }: ProbeTarget, port: number): string {
  const slash = path.startsWith('/') ? '' : '/';
  return `${(scheme ?? 'HTTP').toLowerCase()}://${joinHostPort(host || ip, port)}${slash}${path}`;
}

/** The probe's own headers come before those of the kubelet; an empty value leaves one out. */
function headersOf({ httpHeaders = [] }: HTTPGetAction): Record<string, string | string[]> {
  const own = new Map<string, string[]>();
  for (const { name, value } of httpHeaders) {
    const key = name.toLowerCase();
    own.set(key, [...(own.get(key) ?? []), value]);
  }
  const headers: Record<string, string | string[]> = {
    'user-agent': 'kube-probe/1.33',
    accept: '*/*',
    connection: 'close',
  };
  for (const [name, values] of own) headers[name] = values.length > 1 ? values : (values[0] ?? '');
  for (const name of ['user-agent', 'accept']) if (headers[name] === '') delete headers[name];
  return headers;
}

async function askHttp(
  url: string,
  headers: Record<string, string | string[]>,
  signal: AbortSignal,
): Promise<string | undefined> {
  let current = url;
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const answer = await httpOnce(current, headers, signal);
    if (typeof answer === 'string') return `Get ${JSON.stringify(current)}: ${answer}`;
    const { statusCode: code = 0 } = answer;
    const { location } = answer.headers;
    if (code >= 300 && code < 400 && location && URL.canParse(location, current)) {
      const next = new URL(location, current);
      // To another host it is not followed, and counts as success.
      if (next.hostname !== new URL(current).hostname) return undefined;
      current = next.href;
      continue;
    }
    return code >= 200 && code < 400 ? undefined : `HTTP probe failed with statuscode: ${code}`;
  }
  return `Get ${JSON.stringify(current)}: stopped after ${mostRedirects} redirects`;
}

function httpOnce(
  url: string,
  headers: Record<string, string | string[]>,
  signal: AbortSignal,
): Promise<IncomingMessage | string> {
  return new Promise((resolve) => {
    const get = url.startsWith('https:') ? httpsGet : httpGet;
    get(url, { signal, agent: false, rejectUnauthorized: false, headers }, (response) => {
      response.resume();
      resolve(response);
    }).on('error', (error) => {
      const { host } = new URL(url);
      resolve(
        signal.aborted
          ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
          : inGoWords(error, host),
      );
    });
  });
}

function askTcp(host: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error) => {
      const address = joinHostPort(host, port);
      resolve(signal.aborted ? `dial tcp ${address}: i/o timeout` : inGoWords(error, address));
    });
  });
}

const goErrors: Record<string, string> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ENOTFOUND: 'no such host',
};

function inGoWords(error: NodeJS.ErrnoException, address: string): string {
  if (error.code === 'ECONNRESET' || error.message === 'socket hang up') return 'EOF';
  const words = goErrors[error.code ?? ''];
  return words ? `dial tcp ${address}: ${words}` : error.message;
}

/** Bytes of what a command says that are kept; upstream: `maxReadLength`. */
const longestOutput = 10 << 10;

async function runCommand(
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

/** Of a port by its number or its name; undefined when the container has none of that name. */
function portNumber(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  return named ?? (/^\d+$/.test(port) ? Number(port) : undefined);
}
