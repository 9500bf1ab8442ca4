import { connect as connectTcp, type Socket } from 'node:net';
import type { UpstreamAddress } from './address.ts';
import { createExchange, type Exchange } from './exchange.ts';
import type { UpstreamCounts } from './metrics.ts';
import type { ForwardOptions } from './options.ts';
import type { Channel } from './udp.ts';

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
    const gone = (error: Error) => {
      current = undefined;
      exchange.fail(error);
      socket.destroy();
    };
    socket.on('error', gone);
    socket.on('close', () => gone(new Error(`${peer}: connection closed`)));
    socket.setTimeout(options.expire, () => {
      if (exchange.underway === 0) gone(new Error(`${peer}: idle`));
    });
    return { socket, exchange };
  }

  return {
    async ask(query, timeout) {
      counts.connection(address.transport === 'tls' ? 'tcp-tls' : 'tcp', current !== undefined);
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
