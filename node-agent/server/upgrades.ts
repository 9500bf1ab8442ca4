import { STATUS_CODES } from 'node:http';
import { execInContainer } from '../runtime/exec.ts';
import { connectToPod } from '../runtime/forward.ts';
import { RefusedError } from './authorize.ts';
import type { ServerConfig } from './config.ts';
import { containerOf, findPod, type LivePod, runningContainer } from './find.ts';
import { acceptClient, parseStreamOptions, serveProgram } from './remote-command.ts';
import { isWebSocket, UpgradeError, type UpgradeRequest } from './upgrade/upgraded.ts';

/**
 * `/exec/NAMESPACE/POD[/UID]/CONTAINER`, `/attach/…` and `/portForward/NAMESPACE/POD[/UID]`; resolves when the
 * connection is over or its owner is somebody else.
 *
 * @throws UpgradeError when it is refused
 */
export async function serveUpgrade(
  config: ServerConfig,
  upgrade: UpgradeRequest,
  path: string,
  query: URLSearchParams,
): Promise<void> {
  const [what = '', namespace = '', name = '', ...rest] = path
    .split('/')
    .filter(Boolean)
    .map(decodeURIComponent);
  const ofContainer = what === 'exec' || what === 'attach';
  if (!ofContainer && what !== 'portForward') throw new UpgradeError(404, '404 page not found');
  const container = ofContainer ? (rest.pop() ?? '') : '';
  const [uid] = rest;
  const pod = findPod(config.pods(), { namespace, name, ...(uid ? { uid } : {}) });
  if (!pod) throw new UpgradeError(404, 'pod does not exist');
  if (what === 'exec') return exec(upgrade, pod, container, query);
  if (what === 'attach') return attach(upgrade, pod, container, query);
  return portForward(config, upgrade, pod, query);
}

async function exec(
  upgrade: UpgradeRequest,
  pod: LivePod,
  container: string,
  query: URLSearchParams,
): Promise<void> {
  const options = parseStreamOptions(query);
  const found = runningContainer(pod, container, `container not found (${JSON.stringify(container)})`);
  const command = query.getAll('command');
  if (command.length === 0) throw new UpgradeError(400, 'you must specify a command');
  const client = await acceptClient(upgrade, options);
  const { stdin, tty } = options;
  await serveProgram(
    client,
    () => execInContainer({ ...found, command, stdin, tty }),
    'executing command in container',
  );
}

async function attach(
  upgrade: UpgradeRequest,
  pod: LivePod,
  container: string,
  query: URLSearchParams,
): Promise<void> {
  const { metadata } = pod.pod;
  const options = parseStreamOptions(query);
  const found = runningContainer(
    pod,
    container,
    `container ${container} not found in pod ${metadata?.name}_${metadata?.namespace}`,
  );
  // Whether it is on a terminal was settled when it was started.
  const tty = containerOf(pod, container)?.tty ?? false;
  const client = await acceptClient(upgrade, { ...options, tty, stderr: options.stderr && !tty });
  const { attachToContainer } = await import('../runtime/attach.ts');
  await serveProgram(client, () => attachToContainer(found.dir), 'attaching to container');
}

async function portForward(
  config: ServerConfig,
  upgrade: UpgradeRequest,
  pod: LivePod,
  query: URLSearchParams,
): Promise<void> {
  if (!pod.sandboxReady)
    throw new UpgradeError(500, `pod not found ("${pod.pod.metadata?.name}_${pod.pod.metadata?.namespace}")`);
  const target = {
    pod: pod.pod.metadata?.name ?? '',
    uid: pod.uid,
    connect: (port: number) => connectToPod(pod.netns, port, config.machine),
  };
  if (isWebSocket(upgrade.request)) {
    const { forwardOverWebSocket, parsePorts } = await import('./forward-websocket.ts');
    return forwardOverWebSocket(upgrade, parsePorts(query), target);
  }
  const [{ createPairing, portForwardProtocol }, { negotiateSpdy, upgradeToSpdy }] = await Promise.all([
    import('./port-forward.ts'),
    import('./upgrade/spdy.ts'),
  ]);
  upgradeToSpdy(upgrade, negotiateSpdy(upgrade, [portForwardProtocol]), createPairing(target));
}

/** Answers a request that is not upgraded; one that was is cut. */
export function sendUpgradeFailure({ socket }: UpgradeRequest, error: unknown): void {
  const isAnswer = error instanceof UpgradeError || error instanceof RefusedError;
  if (!isAnswer || !socket.writable) {
    socket.destroy();
    return;
  }
  const extra = error instanceof UpgradeError ? Object.entries(error.headers) : [];
  const body = Buffer.from(`${error.message}\n`);
  const lines = [
    `HTTP/1.1 ${error.code} ${STATUS_CODES[error.code]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
    'Connection: close',
    ...extra.map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]));
}
