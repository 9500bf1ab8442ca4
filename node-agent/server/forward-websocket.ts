import { Duplex, type Writable } from 'node:stream';
import { createPairing, type ForwardTarget, forward, portForwardProtocol } from './port-forward.ts';
import { createSpdyConnection } from './spdy/connection.ts';
import { UpgradeError, type UpgradeRequest } from './upgrade/upgraded.ts';
import {
  type Channels,
  createChannels,
  negotiateWebSocket,
  upgradeToWebSocket,
} from './upgrade/websocket.ts';

/** SPDY's frames inside of WebSocket's (KEP-4006). */
const tunnel = `SPDY/3.1+${portForwardProtocol}`;
const protocols = [tunnel, 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

/**
 * Forwards ports for a client that speaks WebSocket: kubectl since 1.30 in a tunnel, others over channels, two a
 * port. Upstream: `kubelet/cri/streaming/portforward/websocket.go`.
 */
export async function forwardOverWebSocket(
  upgrade: UpgradeRequest,
  ports: readonly number[],
  target: ForwardTarget,
): Promise<void> {
  const protocol = negotiateWebSocket(upgrade, protocols);
  if (protocol === tunnel) {
    const { createWebSocketStream } = await import('ws');
    const websocket = await upgradeToWebSocket(upgrade, protocol);
    createSpdyConnection(createWebSocketStream(websocket), { role: 'server', ...createPairing(target) });
    return;
  }
  if (ports.length === 0) throw new UpgradeError(400, 'query parameter "port" is required');
  const websocket = await upgradeToWebSocket(upgrade, protocol);
  const channels = createChannels(websocket, protocol);
  websocket.on('error', () => undefined);
  const inputs = new Map<number, Duplex>();
  channels.onMessage(({ channel, content }) => {
    const data = inputs.get(channel);
    if (data && !data.push(content)) websocket.pause();
  });
  websocket.on('close', () => {
    for (const data of inputs.values()) data.destroy();
  });
  const ended = ports.map((port, index) => {
    const number = Buffer.alloc(2);
    number.writeUInt16LE(port);
    const [dataChannel, errorChannel] = [index * 2, index * 2 + 1];
    void channels.send(dataChannel, number);
    void channels.send(errorChannel, number);
    const data = channelStream(channels, dataChannel, () => websocket.resume());
    inputs.set(dataChannel, data);
    return forward(
      target,
      port,
      data,
      channelStream(channels, errorChannel, () => undefined),
    );
  });
  await Promise.all(ended);
  websocket.close(1000);
}

function channelStream(channels: Channels, channel: number, wantsMore: () => void): Duplex {
  const stream: Duplex & Writable = new Duplex({
    read: wantsMore,
    write: (chunk: Buffer, _encoding, done) => void channels.send(channel, chunk).then(() => done()),
  });
  return stream;
}

/** Reads `port=80&port=81,82` or, as JavaScript's client has it, `ports=80`. @throws UpgradeError */
export function parsePorts(query: URLSearchParams): number[] {
  return [...query.getAll('port'), ...query.getAll('ports')]
    .flatMap((text) => text.split(','))
    .map((text) => {
      if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
        throw new UpgradeError(400, `unable to parse ${JSON.stringify(text)} as a port`);
      if (Number(text) < 1) throw new UpgradeError(400, `port ${JSON.stringify(text)} must be > 0`);
      return Number(text);
    });
}
