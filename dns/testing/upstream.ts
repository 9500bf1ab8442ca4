import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { createInbox } from '../server/inbox.ts';
import { decodeQuery } from '../wire/decode.ts';
import { encodeReply } from '../wire/encode.ts';
import { emptyReply, type Query, type Reply } from '../wire/message.ts';

/** Another name server on 127.0.0.1, over UDP and TCP, that does what a test says. */
export interface TestUpstream {
  port: number;
  /** What it was asked. */
  asked: Query[];
  close(): void;
}

/** `answer` gives a reply, packets to send as they are, or nothing to stay silent. */
export async function startUpstream(
  answer: (query: Query, count: number) => Reply | Buffer[] | undefined,
): Promise<TestUpstream> {
  const asked: Query[] = [];
  const packets = (packet: Buffer, protocol: 'udp' | 'tcp'): Buffer[] => {
    const received = decodeQuery(packet, { address: '127.0.0.1', port: 0 }, protocol);
    if (received === 'drop' || !('query' in received)) return [];
    asked.push(received.query);
    const reply = answer(received.query, asked.length);
    if (Array.isArray(reply)) return reply;
    return reply ? [encodeReply(received.query, reply)] : [];
  };

  const { udp, tcp, port } = await bindBoth();
  udp.on('message', (packet, { port, address }) => {
    for (const reply of packets(packet, 'udp')) udp.send(reply, port, address);
  });
  tcp.on('connection', (socket) => {
    socket.on('error', () => socket.destroy()); // the client under test closes as it likes
    const inbox = createInbox();
    socket.on('data', (data) => {
      inbox.add(data);
      for (let packet = inbox.next(); packet; packet = inbox.next())
        for (const reply of packets(packet, 'tcp')) {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(reply.length);
          socket.write(Buffer.concat([length, reply]));
        }
      inbox.settle();
    });
  });
  return {
    port,
    asked,
    close() {
      udp.close();
      tcp.close();
    },
  };
}

/** Sockets of both kinds on one free port: where another program has the TCP port, on the next one. */
async function bindBoth(): Promise<{ udp: Socket; tcp: Server; port: number }> {
  for (;;) {
    const udp = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    udp.bind(0, '127.0.0.1');
    await once(udp, 'listening');
    const { port } = udp.address();
    const tcp = createServer();
    tcp.listen(port, '127.0.0.1');
    try {
      await once(tcp, 'listening');
      return { udp, tcp, port };
    } catch (error) {
      udp.close();
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

/** A reply with one A record for the question. */
export function addressReply(query: Query, data = '192.0.2.1', ttl = 60): Reply {
  return {
    ...emptyReply(0),
    recursionAvailable: true,
    answers: [{ name: query.name, ttl, type: 'A', data }],
  };
}
