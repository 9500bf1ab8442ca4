import { createSocket } from 'node:dgram';
import { decodeReply } from '../wire/decode.ts';
import { encodeQuery } from '../wire/encode.ts';
import { rcodeName } from '../wire/message.ts';
import { fqdn } from '../wire/names.ts';
import { queryFor } from './ask.ts';

/** Asks a server on 127.0.0.1 over UDP, once; the data of its answers as text. */
export async function askPort(
  port: number,
  name: string,
  type = 'A',
): Promise<{ rcode: string; answers: string[] }> {
  const socket = createSocket('udp4');
  try {
    const reply = new Promise<Buffer>((resolve, reject) => {
      socket.once('message', resolve);
      socket.once('error', reject);
    });
    socket.send(encodeQuery(1, queryFor(fqdn(name), type)), port, '127.0.0.1');
    const { rcode, answers } = decodeReply(await reply);
    return { rcode: rcodeName(rcode), answers: answers.map(({ data }) => String(data)) };
  } finally {
    socket.close();
  }
}
