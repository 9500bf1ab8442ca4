import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import { giveAway } from './outgoing.ts';
import type { Packets } from './server.ts';

/** Takes a packet, gives the answer: at once, later, or never. */
export type Answer = (
  packet: Buffer,
  client: { address: string; port: number },
) => Packets | Promise<Packets>;

/** Where to listen; on a `shared` port the kernel gives each socket a part of what comes (SO_REUSEPORT). */
export interface Place {
  /** Empty is every address, IPv6 too where the machine has it. */
  host: string;
  port: number;
  shared: boolean;
}

export interface UdpListener {
  readonly port: number;
  close(): void;
}

/** Answers on a UDP port. */
export async function listenUdp(
  place: Place,
  answer: Answer,
  onError: (error: Error) => void,
): Promise<UdpListener> {
  const socket = await bind(place);
  socket.on('error', onError);
  socket.on('message', (packet, { address, port }) => {
    const reply = answer(packet, { address, port });
    const send = (bytes: Packets) => {
      // Without a callback a reply that cannot be sent is lost in silence: UDP owes nothing, the client asks again.
      if (!Buffer.isBuffer(bytes) || !open) return;
      socket.send(bytes, port, address);
      if (socket.getSendQueueCount() > 0) giveAway(bytes);
    };
    if (reply instanceof Promise) reply.then(send, onError);
    else send(reply);
  });
  let open = true;
  return {
    port: socket.address().port,
    close() {
      open = false;
      socket.close();
    },
  };
}

async function bind(place: Place): Promise<Socket> {
  const { host } = place;
  if (host !== '') return bindOne(host.includes(':') ? 'udp6' : 'udp4', place);
  try {
    return await bindOne('udp6', { ...place, host: '::' });
  } catch (error) {
    if (!isWithoutIpv6(error)) throw error;
    return bindOne('udp4', { ...place, host: '0.0.0.0' });
  }
}

function bindOne(type: 'udp4' | 'udp6', { host: address, port, shared }: Place): Promise<Socket> {
  const options = { type, recvBufferSize: 1 << 20, lookup: atOnce };
  const socket = createSocket(shared ? { ...options, reusePort: true } : options);
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** Addresses need no looking up: Node.js' own function would hand each reply's over a turn of the loop later. */
const atOnce: SocketOptions['lookup'] = (host, options, done) => {
  const family = isIP(host);
  if (family === 0) lookup(host, options, done);
  else done(null, host, family);
};

/** True for the errors that a kernel without IPv6 gives. */
export function isWithoutIpv6(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EAFNOSUPPORT' || code === 'EINVAL' || code === 'EADDRNOTAVAIL';
}
