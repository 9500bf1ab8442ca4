import type { Readable, Writable } from 'node:stream';
import type { Status } from '../../api/types.ts';
import type { HeldProgram } from '../runtime/beside.ts';
import type { RemoteClient, StreamOptions } from './streams.ts';
import { isWebSocket, UpgradeError, type UpgradeRequest } from './upgrade/upgraded.ts';

/** Reads the query of `/exec/…` and `/attach/…`. @throws UpgradeError when nothing is asked for */
export function parseStreamOptions(query: URLSearchParams): StreamOptions {
  const has = (name: string) => query.get(name) === '1' || query.get(name) === 'true';
  const tty = has('tty');
  const options = { stdin: has('input'), stdout: has('output'), stderr: has('error') && !tty, tty };
  if (!options.stdin && !options.stdout && !options.stderr)
    throw new UpgradeError(400, 'you must specify at least 1 of stdin, stdout, stderr');
  return options;
}

/** Speaks what the client speaks. @throws UpgradeError when it is refused */
export async function acceptClient(upgrade: UpgradeRequest, options: StreamOptions): Promise<RemoteClient> {
  if (isWebSocket(upgrade.request)) {
    const { acceptWebSocket } = await import('./websocket-client.ts');
    return acceptWebSocket(upgrade, options);
  }
  const { acceptSpdy } = await import('./spdy-client.ts');
  return acceptSpdy(upgrade, options);
}

/**
 * Connects a client with a program until that has ended, or the client is gone. Upstream:
 * `kubelet/cri/streaming/remotecommand/exec.go`.
 *
 * @param doing `executing command in container`, for the message of a failure
 */
export async function serveProgram(
  client: RemoteClient,
  start: () => HeldProgram | Promise<HeldProgram>,
  doing: string,
): Promise<void> {
  let status: Status;
  try {
    const program = await start();
    const letGo = () => program.hangUp();
    client.gone.addEventListener('abort', letGo, { once: true });
    if (client.gone.aborted) letGo();
    if (client.stdin) feed(client.stdin, program.stdin);
    client.onResize((size) => program.resize(size));
    const copies = [copy(program.stdout, client.stdout), copy(program.stderr, client.stderr)];
    const code = await program.ended;
    await Promise.all(copies);
    client.gone.removeEventListener('abort', letGo);
    letGo();
    status = exitStatus(code);
  } catch (error) {
    if (client.gone.aborted) return;
    status = failureStatus(`error ${doing}: ${error instanceof Error ? error.message : String(error)}`);
  }
  await client.end(status);
}

/** What the client ends, the program's input ends with. */
function feed(from: Readable, to: Writable): void {
  from.pipe(to);
  from.once('close', () => to.end());
  to.once('close', () => from.resume());
}

/** All of it, as fast as it is taken; resolves at the end of either. */
async function copy(from: Readable, to: Writable | undefined): Promise<void> {
  if (!to) {
    from.resume();
    return;
  }
  const ended = new Promise<void>((resolve) => {
    from.once('end', resolve);
    from.once('close', resolve);
    to.once('close', resolve);
  });
  from.pipe(to, { end: false });
  await ended;
}

function exitStatus(code: number): Status {
  const type = { kind: 'Status', apiVersion: 'v1', metadata: {} };
  if (code === 0) return { ...type, status: 'Success' };
  return {
    ...type,
    status: 'Failure',
    message: `command terminated with non-zero exit code: command terminated with exit code ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

function failureStatus(message: string): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    details: { causes: [{ message }] },
    code: 500,
  };
}
