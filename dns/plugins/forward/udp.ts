import { createSocket, type Socket } from 'node:dgram';
import { joinHostPort } from '../../../api/address.ts';
import type { DecodedReply } from '../../wire/decode.ts';
import type { UpstreamAddress } from './address.ts';
import { type Asked, createExchange, type Exchange } from './exchange.ts';
import type { UpstreamCounts } from './metrics.ts';

/** Asks one upstream; the connection behind it is opened when needed and shared. */
export interface Channel {
  ask(query: Asked, timeout: number): Promise<DecodedReply>;
  close(): void;
}

interface Open {
  socket: Socket;
  exchange: Exchange;
  connected: Promise<void>;
  /** Queries that wait for it, or on it. */
  users: number;
}

/** With so many sockets open to one upstream, more queries go by those: descriptors are not without end. */
const mostSockets = 256;

/**
 * A socket for each query, so that a forger has to guess its random port besides its id (RFC 5452 9.2); it is
 * connected, so that only the upstream's own packets come in. Asks from `source`, if there is one: an address of this
 * machine.
 */
export function createUdpChannel(
  { host, port }: UpstreamAddress,
  counts: UpstreamCounts,
  source?: string,
): Channel {
  const peer = joinHostPort(host, port);
  const all = new Set<Open>();

  function open(): Open {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const exchange = createExchange(`read udp ${peer}`);
    const connected = Promise.withResolvers<void>();
    connected.promise.catch(() => {}); // each asker learns of it by itself
    const made: Open = { socket, exchange, connected: connected.promise, users: 0 };
    socket.on('message', (packet) => exchange.receive(packet));
    const fail = (cause: Error) => {
      const error = new Error(`udp ${peer}: ${cause.message}`, { cause });
      connected.reject(error);
      exchange.fail(error);
      discard(made);
    };
    socket.on('error', fail);
    const connect = () =>
      socket.connect(port, host, (error?: Error) => (error ? fail(error) : connected.resolve()));
    if (source === undefined) connect();
    else socket.bind({ address: source }, connect);
    all.add(made);
    return made;
  }

  function discard(old: Open): void {
    if (all.delete(old)) old.socket.close();
  }

  function pick(): Open {
    counts.connection('udp', all.size >= mostSockets);
    if (all.size < mostSockets) return open();
    const sockets = [...all];
    return sockets[Math.floor(Math.random() * sockets.length)] ?? open();
  }

  return {
    async ask(query, timeout) {
      const chosen = pick();
      const { socket, exchange, connected } = chosen;
      chosen.users++;
      const reply = connected.then(() =>
        exchange.ask(query, timeout, (packet) =>
          socket.send(packet, (error) => {
            if (error) exchange.fail(new Error(`write udp ${peer}: ${error.message}`, { cause: error }));
          }),
        ),
      );
      return reply.finally(() => {
        if (--chosen.users === 0) discard(chosen);
      });
    },
    close() {
      for (const old of [...all]) {
        old.exchange.fail(new Error(`${peer}: closed`));
        discard(old);
      }
    },
  };
}
