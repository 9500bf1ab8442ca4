import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { packageRoot } from '../../kernel/package-root.ts';
import { decodeReply } from '../wire/decode.ts';
import { encodeQuery } from '../wire/encode.ts';
import { rcodeName } from '../wire/message.ts';
import { queryFor } from './ask.ts';
import { hostilePacket, type Random, randomFrom } from './fuzz.ts';

/** A server in a process of its own, that of `server-process.ts`. */
export interface Victim {
  port: number;
  child: ChildProcess;
  /** Resident megabytes, now. */
  resident(): number;
  kill(): Promise<void>;
}

/** Starts a server by a Corefile for port 0. */
export async function startVictim(corefile: string): Promise<Victim> {
  const program = join(packageRoot, 'dns/testing/server-process.ts');
  const flags = ['--no-warnings', '--max-semi-space-size=1', '--no-maglev'];
  const child = spawn(process.execPath, [...flags, program, corefile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let said = '';
  let port = 0;
  while (!port) {
    const first = await Promise.race([once(child.stdout, 'data'), ended.then(() => undefined)]);
    if (!first) throw new Error(`the server ended before it listened: ${said}`);
    said += String(first[0]);
    port = Number(/^listening on :(\d+)$/m.exec(said)?.[1] ?? 0);
  }
  child.stdout.resume();
  return {
    port,
    child,
    resident: () =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** What a server did with hostile packets. */
export interface Damage {
  sent: number;
  /** Packets that came back, by rcode; the rest was dropped. */
  replies: Record<string, number>;
  /** Good questions that were asked in between, all of which were answered. */
  answered: number;
}

const batch = 64;
const good = 'svc1.testns.svc.cluster.local.';

/**
 * Sends `count` hostile packets, one batch in eight over TCP, and a good question after each batch, which must be
 * answered. Throws where it is not, and where a reply cannot be read or answers nothing.
 */
export async function attack(victim: Victim, seed: number, count: number): Promise<Damage> {
  const random = randomFrom(seed);
  const replies: Record<string, number> = {};
  const damage: Damage = { sent: 0, replies, answered: 0 };
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 22 });
  await new Promise<void>((resolve) => socket.connect(victim.port, '127.0.0.1', resolve));
  try {
    while (damage.sent < count) {
      const packets = Array.from({ length: Math.min(batch, count - damage.sent) }, () =>
        hostilePacket(random),
      );
      if (random(8) === 0) await overTcp(victim, packets, random, replies);
      else await overUdp(socket, packets, replies);
      damage.sent += packets.length;
      damage.answered++;
    }
  } finally {
    socket.close();
  }
  return damage;
}

/** A question that must be answered; its id is 0xbeef, and its name is in a case of its own. */
const goodQuery = encodeQuery(0xbeef, queryFor('SVC1.testns.svc.cluster.local.'));

function isGoodReply(reply: Buffer): boolean {
  if (reply.length < 17 || reply.readUInt16BE(0) !== 0xbeef || reply.toString('latin1', 13, 17) !== 'SVC1')
    return false;
  const { rcode, answers } = decodeReply(reply);
  return rcode === 0 && answers[0]?.data === '10.0.0.1';
}

function count(reply: Buffer, replies: Record<string, number>): void {
  const { rcode } = decodeReply(reply);
  const name = rcodeName(rcode);
  replies[name] = (replies[name] ?? 0) + 1;
}

/** Milliseconds: a server that has died says nothing ever, a busy machine takes its time. */
const patience = 20_000;

async function overUdp(socket: Socket, packets: Buffer[], replies: Record<string, number>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const receive = (reply: Buffer) => {
    try {
      if (isGoodReply(reply)) resolve();
      else count(reply, replies);
    } catch (error) {
      reject(error);
    }
  };
  const askAgain = setInterval(() => socket.send(goodQuery), 1_000); // UDP may lose it
  const timer = setTimeout(() => reject(new Error(`${good} is not answered any more`)), patience);
  socket.on('message', receive);
  for (const packet of packets) socket.send(packet);
  socket.send(goodQuery);
  await promise.finally(() => {
    clearInterval(askAgain);
    clearTimeout(timer);
    socket.off('message', receive);
  });
}

/** All on one connection; with right lengths before them the last question is answered, with others nobody knows. */
async function overTcp(
  { port }: Victim,
  packets: Buffer[],
  random: Random,
  replies: Record<string, number>,
): Promise<void> {
  const isLying = random(2) === 0;
  const framed = packets.flatMap((packet) => {
    const length = isLying && random(20) === 0 ? random(65_536) : packet.length;
    return [Buffer.from([length >> 8, length & 255]), packet];
  });
  const last = [Buffer.from([0, goodQuery.length]), goodQuery];
  const stream = Buffer.concat(isLying ? framed : [...framed, ...last]);
  const pieces = cut(stream, random);
  await converse(port, pieces, (reply) => {
    if (!isLying && isGoodReply(reply)) return true;
    count(reply, replies);
    return false;
  });
  if (isLying) await converse(port, [Buffer.concat(last)], isGoodReply);
}

function cut(stream: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = at + 1 + random(random(2) === 0 ? 20 : 4_000);
    pieces.push(stream.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** Sends a stream and ends its side of the connection; resolves with the last reply, or when the other side is over. */
function converse(port: number, pieces: Buffer[], isLast: (reply: Buffer) => boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(port, '127.0.0.1');
  const timer = setTimeout(() => reject(new Error(`TCP port ${port} does not answer any more`)), patience);
  let rest: Buffer = Buffer.alloc(0);
  socket.on('error', reject);
  socket.on('end', resolve);
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    try {
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const reply = rest.subarray(2, 2 + rest.readUInt16BE(0));
        rest = rest.subarray(2 + reply.length);
        if (isLast(reply)) resolve();
      }
    } catch (error) {
      reject(error);
    }
  });
  for (const piece of pieces) socket.write(piece);
  socket.end();
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}
