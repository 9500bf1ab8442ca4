import { WebSocketServer } from 'ws';
import { statusError } from '../../api/status.ts';
import type { Call } from './objects.ts';
import { takeUpgrade } from './upgrade.ts';

/** How a client may have it: frames of bytes, or of text that stands for bytes. Bytes also where it says nothing. */
const base64 = 'base64.binary.k8s.io';
const protocols = ['binary.k8s.io', base64];

/**
 * Sends text to a client that asked for it over WebSocket, a frame for whatever comes at a time, after an empty one.
 * Upstream: `apiserver/pkg/util/wsstream/stream.go`.
 * @throws StatusError for a client that only has other protocols
 */
export function sendOverWebSocket({ request, response }: Call, content: AsyncIterable<Buffer>): void {
  const offered = request.headers['sec-websocket-protocol']?.split(',').map((one) => one.trim());
  const protocol = offered?.find((one) => protocols.includes(one));
  if (offered && !protocol) {
    const known = protocols.join(', ');
    throw statusError(
      'BadRequest',
      `none of the protocols ${offered.join(', ')} is known; known are ${known}`,
    );
  }
  const server = new WebSocketServer({ noServer: true, handleProtocols: () => protocol ?? false });
  const { socket, head } = takeUpgrade(request, response);
  server.handleUpgrade(request, socket, head, async (websocket) => {
    // Whoever stops following breaks the connection, and that is no failure.
    websocket.on('error', () => undefined);
    const send = (chunk: Buffer) =>
      new Promise<boolean>((resolve) => {
        const done = (error?: Error | null) => resolve(!error);
        if (protocol === base64) websocket.send(chunk.toString('base64'), done);
        else websocket.send(chunk, done);
      });
    await send(Buffer.alloc(0));
    try {
      for await (const chunk of content) if (!(await send(chunk))) return;
      websocket.close(1000);
    } catch {
      // The kubelet broke off: so does the answer.
      websocket.terminate();
    }
  });
}
