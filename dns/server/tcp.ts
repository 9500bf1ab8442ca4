import { createServer, type Server, type Socket } from 'node:net';
import type { Packets } from './server.ts';
import { type Answer, isWithoutIpv6, type Place } from './udp.ts';

export interface TcpListener {
  readonly port: number;
  close(): void;
}

/** Upstream's: a connection that says nothing for this long is closed (milliseconds). */
const idleTimeout = 10_000;
/** A client may ask this many questions before the first is answered; then it is not read from. */
const mostPipelined = 128;
const mostConnections = 4_096;

/** Answers on a TCP port: messages with a length of two bytes before each, several on their way at a time (RFC 7766). */
export async function listenTcp(
  place: Place,
  answer: Answer,
  onError: (error: Error) => void,
): Promise<TcpListener> {
  const connections = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    converse(socket, answer, onError);
  });
  server.maxConnections = mostConnections;
  await listen(server, place);
  server.on('error', onError);
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : place.port,
    close() {
      server.close();
      for (const socket of connections) socket.destroy();
    },
  };
}

function converse(socket: Socket, answer: Answer, onError: (error: Error) => void): void {
  const client = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
  let waiting: Buffer = Buffer.alloc(0);
  let underway = 0;
  socket.setTimeout(idleTimeout, () => socket.destroy());
  socket.on('error', () => socket.destroy()); // the client's end is gone; nobody is left to tell

  const send = (packets: Packets) => {
    if (!packets || socket.destroyed) return;
    for (const bytes of Buffer.isBuffer(packets) ? [packets] : packets) {
      const length = Buffer.allocUnsafe(2);
      length.writeUInt16BE(bytes.length);
      socket.write(length);
      socket.write(bytes);
    }
  };
  const sendTogether = (packets: Packets) => {
    socket.cork();
    send(packets);
    socket.uncork();
  };
  const isFull = () => underway >= mostPipelined || socket.writableNeedDrain;
  const read = () => {
    socket.cork(); // what is answered at once is sent at once, in one call
    while (waiting.length >= 2 && !isFull()) {
      const end = 2 + waiting.readUInt16BE(0);
      if (waiting.length < end) break;
      const packet = waiting.subarray(2, end);
      waiting = waiting.subarray(end);
      const reply = answer(packet, client);
      if (reply instanceof Promise) later(reply);
      else send(reply);
    }
    socket.uncork();
    if (isFull()) socket.pause();
    else if (socket.isPaused()) socket.resume();
  };
  const later = (reply: Promise<Packets>) => {
    underway++;
    reply.then(sendTogether).then(
      () => {
        underway--;
        read();
      },
      (error: Error) => {
        onError(error);
        socket.destroy();
      },
    );
  };
  socket.on('data', (chunk) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
    read();
  });
  socket.on('drain', read);
}

async function listen(server: Server, place: Place): Promise<void> {
  if (place.host !== '') return listenOne(server, place);
  try {
    await listenOne(server, { ...place, host: '::' });
  } catch (error) {
    if (!isWithoutIpv6(error)) throw error;
    await listenOne(server, { ...place, host: '0.0.0.0' });
  }
}

function listenOne(server: Server, { host, port, shared }: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true, ...(shared ? { reusePort: true } : {}) }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}
