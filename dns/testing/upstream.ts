import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
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

  const udp = createSocket('udp4');
  udp.on('message', (packet, { port, address }) => {
    for (const reply of packets(packet, 'udp')) udp.send(reply, port, address);
  });
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  const { port } = udp.address();

  const tcp = createServer((socket) => {
    socket.on('error', () => socket.destroy()); // the client under test closes as it likes
    socket.on('data', (data) => {
      for (const reply of packets(data.subarray(2), 'tcp')) {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([length, reply]));
      }
    });
  });
  await new Promise<void>((resolve) => tcp.listen(port, '127.0.0.1', resolve));
  return {
    port,
    asked,
    close() {
      udp.close();
      tcp.close();
    },
  };
}

/** A reply with one A record for the question. */
export function addressReply(query: Query, data = '192.0.2.1', ttl = 60): Reply {
  return {
    ...emptyReply(0),
    recursionAvailable: true,
    answers: [{ name: query.name, ttl, type: 'A', data }],
  };
}
