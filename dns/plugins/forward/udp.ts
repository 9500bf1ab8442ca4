import { createSocket, type Socket } from 'node:dgram';
import { joinHostPort } from '../../../api/address.ts';
import type { DecodedReply } from '../../wire/decode.ts';
import type { UpstreamAddress } from './address.ts';
import { type Asked, createExchange, type Exchange } from './exchange.ts';

/** Asks one upstream; the connection behind it is opened when needed and shared. */
export interface Channel {
  ask(query: Asked, timeout: number): Promise<DecodedReply>;
  close(): void;
}

interface Open {
  socket: Socket;
  exchange: Exchange;
  born: number;
  connected: Promise<void>;
}

/** A socket serves this many milliseconds; then another, with another random port, takes its place. */
const socketLife = 5_000;

/** Asks from `source`, if there is one: an address of this machine. */
export function createUdpChannel({ host, port }: UpstreamAddress, source?: string): Channel {
  const peer = joinHostPort(host, port);
  let current: Open | undefined;
  const all = new Set<Open>();

  function open(): Open {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const exchange = createExchange(`read udp ${peer}`);
    const connected = Promise.withResolvers<void>();
    connected.promise.catch(() => {}); // each asker learns of it by itself
    const made: Open = { socket, exchange, born: performance.now(), connected: connected.promise };
    socket.on('message', (packet) => exchange.receive(packet));
    socket.on('error', (cause) => {
      const error = new Error(`udp ${peer}: ${cause.message}`, { cause });
      connected.reject(error);
      exchange.fail(error);
      discard(made);
    });
    if (source !== undefined)
      socket.bind({ address: source }, () => socket.connect(port, host, () => connected.resolve()));
    else socket.connect(port, host, () => connected.resolve());
    all.add(made);
    return made;
  }

  function discard(old: Open): void {
    if (current === old) current = undefined;
    if (!all.delete(old)) return;
    old.socket.close();
  }

  /** Sockets that are past their time go when nobody waits for them any more. */
  function retire(): void {
    for (const old of all) if (old !== current && old.exchange.underway === 0) discard(old);
  }

  return {
    async ask(query, timeout) {
      if (current && performance.now() - current.born > socketLife) current = undefined;
      current ??= open();
      const { socket, exchange, connected } = current;
      retire();
      await connected;
      return exchange.ask(query, timeout, (packet) =>
        socket.send(packet, (error) => {
          if (error) exchange.fail(new Error(`write udp ${peer}: ${error.message}`, { cause: error }));
        }),
      );
    },
    close() {
      for (const old of [...all]) {
        old.exchange.fail(new Error(`${peer}: closed`));
        discard(old);
      }
    },
  };
}
