import { type IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** The connection of a request that asks to go on with another protocol, and what has come of that already. */
export interface Upgrade {
  socket: Socket;
  head: Buffer;
}

const upgrades = new WeakMap<IncomingMessage, Upgrade>();

/** Leads requests to upgrade through the handler of all others, which then answers or {@link takeUpgrade takes} them. */
export function serveUpgrades(server: Server, handler: RequestListener): void {
  server.on('upgrade', (request, socket, head) => {
    // Its `close` follows.
    socket.on('error', () => undefined);
    if (!(socket instanceof Socket)) {
      socket.destroy();
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    // The server itself does this for requests that it keeps.
    socket.on('drain', () => response.emit('drain'));
    upgrades.set(request, { socket, head });
    handler(request, response);
  });
}

/** Whether a request asks to be upgraded. */
export const wantsUpgrade = (request: IncomingMessage): boolean => upgrades.has(request);

/** Gives the connection away: nothing can be answered by `response` any more. */
export function takeUpgrade(request: IncomingMessage, response: ServerResponse): Upgrade {
  const upgrade = upgrades.get(request);
  if (!upgrade) throw new Error('the request does not ask for an upgrade');
  response.detachSocket(upgrade.socket);
  return upgrade;
}
