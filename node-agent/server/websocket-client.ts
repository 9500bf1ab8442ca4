import { PassThrough, Writable } from 'node:stream';
import type { Status } from '../../api/types.ts';
import { createResizes, finish, type RemoteClient, type StreamOptions, statusContent } from './streams.ts';
import type { UpgradeRequest } from './upgrade/upgraded.ts';
import { createChannels, negotiateWebSocket, upgradeToWebSocket } from './upgrade/websocket.ts';

/** Upstream: `kubelet/cri/streaming/remotecommand/websocket.go`; v5 adds the end of a single channel (KEP-4006). */
const protocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];

const [stdinChannel, stdoutChannel, stderrChannel, errorChannel, resizeChannel] = [0, 1, 2, 3, 4];
/** v5: the other byte of the message is the channel that ends. */
const closeChannel = 255;

/** Input that was received and not read yet: above this, the client waits. Bytes. */
const backlog = 1 << 20;

/** @throws UpgradeError when no protocol is agreed on */
export async function acceptWebSocket(
  upgrade: UpgradeRequest,
  options: StreamOptions,
): Promise<RemoteClient> {
  const protocol = negotiateWebSocket(upgrade, protocols);
  const websocket = await upgradeToWebSocket(upgrade, protocol);
  const channels = createChannels(websocket, protocol);
  const gone = new AbortController();
  const resizes = createResizes();
  const stdin = options.stdin ? new PassThrough({ writableHighWaterMark: backlog }) : undefined;

  channels.onMessage(({ channel, content }) => {
    if (channel === resizeChannel) resizes.push(content);
    else if (channel === closeChannel && protocol.startsWith('v5.') && content[0] === stdinChannel)
      stdin?.end();
    else if (channel === stdinChannel && stdin?.writable && !stdin.write(content)) {
      websocket.pause();
      stdin.once('drain', () => websocket.resume());
    }
  });
  websocket.on('close', () => {
    stdin?.end();
    gone.abort();
  });
  // Its `close` follows.
  websocket.on('error', () => undefined);

  const output = (wanted: boolean, channel: number) =>
    wanted
      ? new Writable({
          write: (chunk: Buffer, _encoding, done) => void channels.send(channel, chunk).then(() => done()),
        })
      : undefined;
  const stdout = output(options.stdout, stdoutChannel);
  const stderr = output(options.stderr, stderrChannel);
  // As upstream tells that it is connected.
  const first = options.stdout ? stdoutChannel : options.stderr ? stderrChannel : errorChannel;
  void channels.send(first, Buffer.alloc(0));

  return {
    stdin,
    stdout,
    stderr,
    onResize: resizes.listen,
    gone: gone.signal,
    async end(status: Status) {
      await Promise.all([finish(stdout), finish(stderr)]);
      await channels.send(errorChannel, statusContent(protocol, status));
      websocket.close(1000);
      stdin?.end();
      gone.abort();
    },
  };
}
