import type { WebSocket } from 'ws';
import { listed, UpgradeError, type UpgradeRequest } from './upgraded.ts';

/** The first of the client's subprotocols that is one of ours; `''` when it names none. */
export function negotiateWebSocket({ request }: UpgradeRequest, ours: readonly string[]): string {
  const theirs = listed(request.headers['sec-websocket-protocol']);
  if (theirs.length === 0) return '';
  const agreed = theirs.find((one) => ours.includes(one));
  if (agreed) return agreed;
  throw new UpgradeError(
    403,
    `requested protocol(s) are not supported: [${theirs.join(' ')}]; the server accepts [${ours.join(' ')}]`,
  );
}

/** Answers the request, and speaks WebSocket from then on. */
export async function upgradeToWebSocket(
  { request, socket, head }: UpgradeRequest,
  protocol: string,
): Promise<WebSocket> {
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });
  // `SPDY/3.1+portforward.k8s.io` is no token, so `ws` would refuse what Kubernetes has agreed on.
  delete request.headers['sec-websocket-protocol'];
  server.on('headers', (lines) => {
    if (protocol) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  return new Promise((resolve, reject) => {
    server.once('wsClientError', (error) =>
      reject(new UpgradeError(400, `unable to upgrade websocket connection: ${error.message}`)),
    );
    server.handleUpgrade(request, socket, head, resolve);
  });
}

/** A frame of a channel, as `…channel.k8s.io` has it: its number, then the content. */
export interface ChannelMessage {
  channel: number;
  content: Buffer;
}

/**
 * Numbered channels over one WebSocket: binary messages begin with the number as a byte; in the `base64.` forms
 * text messages begin with its digit. Upstream: `apiserver/pkg/util/wsstream`.
 */
export interface Channels {
  /** Resolves when the message has left; rejects never: the connection's end tells. */
  send(channel: number, content: Buffer): Promise<void>;
  onMessage(listener: (message: ChannelMessage) => void): void;
}

export function createChannels(websocket: WebSocket, protocol: string): Channels {
  const base64 = protocol.includes('base64.');
  return {
    send: (channel, content) =>
      new Promise((resolve) => {
        const message = base64
          ? String(channel) + content.toString('base64')
          : Buffer.concat([Buffer.from([channel]), content]);
        websocket.send(message, () => resolve());
      }),
    onMessage(listener) {
      websocket.on('message', (data) => {
        const message = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
        if (message.length === 0) return;
        const [first = 0] = message;
        const content = message.subarray(1);
        if (!base64) listener({ channel: first, content });
        else listener({ channel: first - zero, content: Buffer.from(content.toString('latin1'), 'base64') });
      });
    },
  };
}

/** The digit. */
const zero = 48;
