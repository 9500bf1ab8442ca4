import { connect as connectTcp, type Socket } from 'node:net';
import type { DecodedReply } from '../../wire/decode.ts';
import type { UpstreamAddress } from './address.ts';
import { type Asked, createExchange, type Exchange } from './exchange.ts';
import type { UpstreamCounts } from './metrics.ts';
import type { ForwardOptions } from './options.ts';
import type { Channel } from './udp.ts';

class ConnectionClosed extends Error {
  override name = 'ConnectionClosed';
}

/** Over TCP or TLS: one connection at a time, several queries on it, closed when unused for `expire`. */
export function createStreamChannel(
  address: UpstreamAddress,
  options: ForwardOptions,
  counts: UpstreamCounts,
): Channel {
  const peer = `${address.host}:${address.port}`;
  let current: Promise<{ socket: Socket; exchange: Exchange }> | undefined;

  async function open(): Promise<{ socket: Socket; exchange: Exchange }> {
    const socket = await connect(address, options);
    const exchange = createExchange(`read ${address.transport === 'tls' ? 'tls' : 'tcp'} ${peer}`);
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        exchange.receive(rest.subarray(2, end));
        rest = rest.subarray(end);
      }
    });
    const opened = current;
    const gone = (error: Error) => {
      if (current === opened) current = undefined;
      exchange.fail(error);
      socket.destroy();
    };
    socket.on('error', (cause) => gone(new ConnectionClosed(`${peer}: ${cause.message}`, { cause })));
    for (const event of ['end', 'close'])
      socket.on(event, () => gone(new ConnectionClosed(`${peer}: connection closed`)));
    socket.setTimeout(options.expire, () => {
      if (exchange.underway === 0) gone(new ConnectionClosed(`${peer}: idle`));
    });
    return { socket, exchange };
  }

  async function askOnce(query: Asked, timeout: number): Promise<DecodedReply> {
    current ??= open();
    const opening = current;
    const { socket, exchange } = await opening.catch((error: Error) => {
      if (current === opening) current = undefined;
      throw error;
    });
    return exchange.ask(query, timeout, (packet) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(packet.length);
      socket.write(Buffer.concat([length, packet]));
    });
  }

  return {
    async ask(query, timeout) {
      for (;;) {
        const isOpen = current !== undefined;
        counts.connection(address.transport === 'tls' ? 'tcp-tls' : 'tcp', isOpen);
        try {
          return await askOnce(query, timeout);
        } catch (error) {
          // An upstream may close a connection just when it is used again: that says nothing of its health.
          if (!isOpen || !(error instanceof ConnectionClosed)) throw error;
        }
      }
    },
    close() {
      current?.then(({ socket }) => socket.destroy()).catch(() => {}); // it never opened
      current = undefined;
    },
  };
}

async function connect(
  { host, port, transport, tlsServerName }: UpstreamAddress,
  { tls, readTimeout, sourceAddress }: ForwardOptions,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const localAddress = sourceAddress === undefined ? {} : { localAddress: sourceAddress };
  let socket: Socket;
  if (transport === 'tls') {
    const { connect: connectTls } = await import('node:tls'); // only where it is asked for: it is a slow load
    const secure = connectTls({
      host,
      port,
      ...localAddress,
      minVersion: 'TLSv1.2',
      ...tls,
      ...(tlsServerName ? { servername: tlsServerName } : {}),
    });
    secure.once('secureConnect', () => resolve(secure));
    socket = secure;
  } else {
    socket = connectTcp({ host, port, noDelay: true, ...localAddress });
    socket.once('connect', () => resolve(socket));
  }
  socket.once('error', reject);
  const timer = setTimeout(() => {
    socket.destroy();
    reject(new Error(`dial ${host}:${port}: i/o timeout`));
  }, readTimeout);
  return promise.finally(() => clearTimeout(timer));
}
