import { randomInt } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { SocketAddress } from 'node:net';
import { familyOf } from '../api/address.ts';

export interface Upstream {
  address: string;
  port: number;
  /** An unconnected UDP socket that belongs to the host's network namespace. */
  fd: number;
}

export interface RelayOptions {
  /** One address or more, of either family. */
  listen: readonly { address: string; port: number }[];
  upstreams: readonly Upstream[];
  log: (message: string) => void;
  /** Milliseconds until the next name server is asked. */
  timeout?: number;
}

interface Query {
  message: Buffer;
  client: RemoteInfo;
  /** Where it came in, and its answer goes out. */
  server: Socket;
  /** Upstreams still to be asked, the one being asked first. */
  left: OpenUpstream[];
  timer: NodeJS.Timeout;
}

interface OpenUpstream extends Upstream {
  socket: Socket;
  /** The kernel then reports a closed port at once; but the route is that of the moment of connecting. */
  connected: boolean;
}

/** Queries under way; more are answered SERVFAIL at once. */
const mostQueries = 8192;

/**
 * Answers DNS over UDP by asking the host's name servers in turn: the next one after a time-out or an
 * ICMP error, SERVFAIL after the last one, or at once when there is none.
 */
export async function startRelay({
  listen,
  upstreams,
  log,
  timeout = 1500,
}: RelayOptions): Promise<Socket[]> {
  const queries = new Map<number, Query>();

  const ask = (id: number, query: Query) => {
    clearTimeout(query.timer);
    const [upstream] = query.left;
    if (!upstream) {
      queries.delete(id);
      query.server.send(serverFailure(query.message), query.client.port, query.client.address, logError);
      return;
    }
    query.timer = setTimeout(() => {
      disconnect(upstream);
      askNext(id, query);
    }, timeout);
    const sent = (error: Error | null) => {
      if (error && query.left[0] === upstream && queries.get(id) === query) askNext(id, query);
    };
    const message = withId(query.message, id);
    if (upstream.connected) upstream.socket.send(message, sent);
    else upstream.socket.send(message, upstream.port, upstream.address, sent);
  };
  const askNext = (id: number, query: Query) => {
    const failed = query.left.shift();
    // The next query begins with another, so that a dead server costs its time-out once.
    if (failed && opened[0] === failed) opened.push(...opened.splice(0, 1));
    ask(id, query);
  };
  const logError = (error: Error | null) => {
    if (error) log(`dns: ${error.message}`);
  };

  const opened = await Promise.all(upstreams.map(openUpstream));
  for (const upstream of opened) {
    const { socket } = upstream;
    socket.on('message', (answer, { address, port }) => {
      if (answer.length < 12 || address !== upstream.address || port !== upstream.port) return;
      const query = queries.get(answer.readUInt16BE(0));
      if (!query || !sameQuestion(query.message, answer)) return;
      queries.delete(answer.readUInt16BE(0));
      clearTimeout(query.timer);
      query.server.send(
        withId(answer, query.message.readUInt16BE(0)),
        query.client.port,
        query.client.address,
        logError,
      );
    });
    // ECONNREFUSED and the like: nobody answers there now.
    socket.on('error', () => {
      for (const [id, query] of queries) if (query.left[0] === upstream) askNext(id, query);
    });
  }

  const receive = (server: Socket, message: Buffer, client: RemoteInfo) => {
    if (!isQuery(message)) return;
    const id = queries.size < mostQueries ? unusedId(queries) : undefined;
    if (id === undefined) {
      server.send(serverFailure(message), client.port, client.address, logError);
      return;
    }
    const query = { message, client, server, left: [...opened], timer: setTimeout(() => {}, 0) };
    queries.set(id, query);
    ask(id, query);
  };
  return Promise.all(listen.map((place) => openServer(place, receive, logError)));
}

async function openServer(
  { address, port }: RelayOptions['listen'][number],
  receive: (server: Socket, message: Buffer, client: RemoteInfo) => void,
  onError: (error: Error) => void,
): Promise<Socket> {
  const server = createSocket(familyOf(address) === 'IPv6' ? 'udp6' : 'udp4');
  server.on('message', (message, client) => receive(server, message, client));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.bind(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', onError);
  return server;
}

/** Not connected where there is no route yet: a lab may start before its host is online. */
function openUpstream(upstream: Upstream): Promise<OpenUpstream> {
  const { port, fd } = upstream;
  const six = familyOf(upstream.address) === 'IPv6';
  // As the kernel writes it, to be compared with where answers come from.
  const { address } = new SocketAddress({ address: upstream.address, family: six ? 'ipv6' : 'ipv4' });
  const socket = createSocket(six ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ fd }, () => {
      socket.off('error', reject);
      const done = (error?: unknown) => {
        socket.off('error', done);
        resolve({ address, port, fd, socket, connected: !(error instanceof Error) });
      };
      socket.once('error', done);
      socket.connect(port, address, done);
    });
  });
}

/** The host may have changed networks; from now on each message finds its own route. */
function disconnect(upstream: OpenUpstream): void {
  if (upstream.connected) upstream.socket.disconnect();
  upstream.connected = false;
}

/** An unpredictable id against forged answers. */
function unusedId(queries: ReadonlyMap<number, unknown>): number {
  for (;;) {
    const id = randomInt(65_536);
    if (!queries.has(id)) return id;
  }
}

/** A DNS message (RFC 1035, 4.1.1) that asks: a whole header, the QR bit clear. */
export const isQuery = (message: Buffer) => message.length >= 12 && ((message[2] ?? 0) & 0x80) === 0;

/** A copy with another id. */
export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** The query turned into an answer with RCODE 2; its question is repeated, its other records are dropped. */
export function serverFailure(query: Buffer): Buffer {
  const end = endOfQuestion(query);
  const answer = Buffer.from(query.subarray(0, end ?? 12));
  answer[2] = ((answer[2] ?? 0) & 0x79) | 0x80; // QR; opcode and RD as asked, AA and TC clear
  answer[3] = 0x82; // RA, SERVFAIL
  answer.writeUInt16BE(end === undefined ? 0 : 1, 4);
  answer.fill(0, 6, 12);
  return answer;
}

/** Whether an answer repeats the question; letter case counts (0x20 bits against forged answers). */
export function sameQuestion(query: Buffer, answer: Buffer): boolean {
  const end = endOfQuestion(query);
  if (end === undefined || answer.length < 12) return false;
  // Servers may leave the question out of an error.
  if (answer.readUInt16BE(4) === 0) return ((answer[3] ?? 0) & 0x0f) !== 0;
  return query.subarray(12, end).equals(answer.subarray(12, end));
}

/** Offset behind the first question, undefined when the message has no whole one. */
function endOfQuestion(message: Buffer): number | undefined {
  if (message.readUInt16BE(4) < 1) return undefined;
  let offset = 12;
  for (let length = message[offset]; length !== 0; length = message[offset]) {
    if (length === undefined || length > 63) return undefined;
    offset += length + 1;
  }
  const end = offset + 5; // the root label, type and class
  return end <= message.length ? end : undefined;
}
