import { createServer, type Server, type Socket } from 'node:net';
import { type Connection, type Connections, createConnections, type Limits } from './connections.ts';
import { createInbox } from './inbox.ts';
import { createOutbox } from './outbox.ts';
import type { Packets } from './server.ts';
import { type Answer, isWithoutIpv6, type Place } from './udp.ts';

export interface TcpListener {
  readonly port: number;
  close(): void;
}

/** What clients may cost, and how long they may take, in milliseconds. */
export interface TcpLimits extends Limits {
  /** For the first message of a connection to come whole. */
  firstTimeout: number;
  /** For each after that. */
  idleTimeout: number;
}

/** Times are upstream's. */
const usual: TcpLimits = {
  firstTimeout: 3_000,
  idleTimeout: 10_000,
  writeTimeout: 5_000,
  sweepInterval: 500,
  connections: 4_096,
  bytes: 16 << 20,
};
/** A client may ask this many questions before the first is answered; then it is not read from. */
const mostPipelined = 128;

/** Answers on a TCP port: messages with a length of two bytes before each, several on their way at a time (RFC 7766). */
export async function listenTcp(
  place: Place,
  answer: Answer,
  onError: (error: Error) => void,
  limits: TcpLimits = usual,
): Promise<TcpListener> {
  const connections = createConnections(limits);
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
    converse(socket, { answer, onError, connections, limits }),
  );
  await listen(server, place);
  server.on('error', onError);
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : place.port,
    close() {
      server.close();
      connections.close();
    },
  };
}

interface Around {
  answer: Answer;
  onError: (error: Error) => void;
  connections: Connections;
  limits: TcpLimits;
}

function converse(socket: Socket, { answer, onError, connections, limits }: Around): void {
  const client = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
  const deadline = performance.now() + limits.firstTimeout;
  const connection: Connection = { socket, deadline, stuckSince: 0, underway: 0, held: 0 };
  const inbox = createInbox();
  const outbox = createOutbox(socket);
  let isEnding = false;
  connections.add(connection);
  socket.on('error', () => socket.destroy()); // the client's end is gone; nobody is left to tell

  const send = (packets: Packets) => {
    if (!packets || socket.destroyed) return;
    for (const bytes of Buffer.isBuffer(packets) ? [packets] : packets) outbox.add(bytes);
  };
  const isFull = () => connection.underway >= mostPipelined || socket.writableNeedDrain;
  const read = () => {
    while (!isFull()) {
      const packet = inbox.next();
      if (!packet) break;
      connection.deadline = performance.now() + limits.idleTimeout;
      connections.touch(connection);
      const reply = answer(packet, client);
      if (reply instanceof Promise) later(reply);
      else send(reply);
    }
    settle();
  };
  /** After everything that may have changed what the connection waits for. */
  const settle = () => {
    outbox.flush(); // what is answered at once is sent at once, in one call
    connection.held = inbox.settle();
    connection.stuckSince = socket.writableNeedDrain ? connection.stuckSince || performance.now() : 0;
    connections.weigh(connection);
    if (isEnding && connection.underway === 0 && !isFull()) socket.end();
    if (isFull()) socket.pause();
    else if (socket.isPaused()) socket.resume();
  };
  const later = (reply: Promise<Packets>) => {
    connection.underway++;
    reply
      .then((packets) => {
        connection.underway--;
        connection.deadline = performance.now() + limits.idleTimeout;
        send(packets);
        read();
      })
      .catch((error: Error) => {
        onError(error);
        socket.destroy();
      });
  };
  socket.on('data', (chunk) => {
    inbox.add(chunk);
    read();
  });
  socket.on('drain', read);
  // A client may say that it has asked everything, and still wait for its answers.
  socket.on('end', () => {
    isEnding = true;
    settle();
  });
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
