import { randomInt } from 'node:crypto';
import { type DecodedReply, decodeReply } from '../../wire/decode.ts';
import { encodeQuery } from '../../wire/encode.ts';
import type { Query } from '../../wire/message.ts';
import { WireError } from '../../wire/names.ts';

/** What is asked of an upstream. */
export type Asked = Pick<
  Query,
  'name' | 'type' | 'class' | 'recursionDesired' | 'checkingDisabled' | 'authenticData' | 'edns'
>;

/** Queries on their way over one socket, told apart by their ids. */
export interface Exchange {
  /** Rejects after `timeout` milliseconds, or with what {@link fail} gives. */
  ask(query: Asked, timeout: number, send: (packet: Buffer) => void): Promise<DecodedReply>;
  /** Takes a packet from the upstream; one that answers no question asked here is ignored, as a forgery is. */
  receive(packet: Buffer): void;
  fail(error: Error): void;
  readonly underway: number;
}

interface Waiting {
  query: Asked;
  resolve: (reply: DecodedReply) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

export function createExchange(peer: string): Exchange {
  const waiting = new Map<number, Waiting>();

  /** Ids are random and not in use: with the random port, what a forger has to guess. */
  function freeId(): number {
    for (;;) {
      const id = randomInt(65_536);
      if (!waiting.has(id)) return id;
    }
  }

  function take(id: number): Waiting | undefined {
    const found = waiting.get(id);
    if (found) clearTimeout(found.timer);
    waiting.delete(id);
    return found;
  }

  return {
    ask(query, timeout, send) {
      const { promise, resolve, reject } = Promise.withResolvers<DecodedReply>();
      if (waiting.size > 32_768) {
        reject(new Error(`${peer}: too many queries wait for an answer`));
        return promise;
      }
      const id = freeId();
      const timer = setTimeout(() => {
        take(id)?.reject(new Error(`${peer}: i/o timeout`));
      }, timeout);
      waiting.set(id, { query, resolve, reject, timer });
      send(encodeQuery(id, query));
      return promise;
    },
    receive(packet) {
      if (packet.length < 12) return;
      const id = packet.readUInt16BE(0);
      const asked = waiting.get(id);
      if (!asked) return;
      try {
        const reply = decodeReply(packet);
        if (!answers(reply, asked.query)) return;
        take(id)?.resolve(reply);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        take(id)?.reject(new Error(`${peer}: ${error.message}`));
      }
    },
    fail(error) {
      for (const id of [...waiting.keys()]) take(id)?.reject(error);
    },
    get underway() {
      return waiting.size;
    },
  };
}

/** The question must come back as it was asked; only errors may leave it out. */
function answers({ question, rcode }: DecodedReply, asked: Asked): boolean {
  if (!question) return rcode !== 0;
  return (
    question.name.toLowerCase() === asked.name.toLowerCase() &&
    question.type === asked.type &&
    question.class === asked.class
  );
}
