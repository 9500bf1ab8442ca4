import type { Status } from '../../api/types.ts';
import type { SpdyStream } from './spdy/connection.ts';
import { createResizes, finish, type RemoteClient, type StreamOptions, statusContent } from './streams.ts';
import { negotiateSpdy, upgradeToSpdy } from './upgrade/spdy.ts';
import type { UpgradeRequest } from './upgrade/upgraded.ts';

/** Upstream: `apimachinery/pkg/util/remotecommand`. v2 fixed v1's streams, v3 brought resizing, v4 the Status. */
const protocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];

/** Milliseconds a client has for opening its streams; upstream: `DefaultStreamCreationTimeout`. */
const creationTimeout = 30_000;

/** @throws UpgradeError when no protocol is agreed on; Error when the connection ends before its streams are there */
export async function acceptSpdy(upgrade: UpgradeRequest, options: StreamOptions): Promise<RemoteClient> {
  const protocol = negotiateSpdy(upgrade, protocols);
  const resizable = options.tty && /^v[34]\./.test(protocol);
  const expected = [
    'error',
    ...(['stdin', 'stdout', 'stderr'] as const).filter((name) => options[name]),
    ...(resizable ? ['resize'] : []),
  ];
  const streams = new Map<string, SpdyStream>();
  let complete: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    complete = resolve;
  });
  const connection = upgradeToSpdy(upgrade, protocol, {
    accepts: ({ streamtype = '' }) => expected.includes(streamtype),
    onStream(stream) {
      const { streamtype = '' } = stream.headers;
      streams.set(streamtype, stream);
      // Nothing comes on them but their end.
      if (['error', 'stdout', 'stderr'].includes(streamtype)) stream.resume();
      if (streams.size === expected.length) complete();
    },
  });
  const timeout = setTimeout(() => connection.close(), creationTimeout);
  const ended = new Promise<'ended'>((resolve) => {
    connection.ended.addEventListener('abort', () => resolve('ended'), { once: true });
  });
  const outcome = await Promise.race([all, ended]);
  clearTimeout(timeout);
  if (outcome === 'ended')
    throw new Error(`the client did not open its streams; expected ${expected.join(', ')}`);

  const resizes = createResizes();
  streams.get('resize')?.on('data', (content: Buffer) => resizes.push(content));
  return {
    stdin: streams.get('stdin'),
    stdout: streams.get('stdout'),
    stderr: streams.get('stderr'),
    onResize: resizes.listen,
    gone: connection.ended,
    async end(status: Status) {
      await Promise.all([finish(streams.get('stdout')), finish(streams.get('stderr'))]);
      const error = streams.get('error');
      const content = statusContent(protocol, status);
      if (content.length > 0) error?.write(content);
      await finish(error);
      connection.close();
    },
  };
}
