import type { IncomingMessage } from 'node:http';
import { negotiate } from './negotiate.ts';

type Encoder = typeof import('../protobuf/answers.ts');

let encoder: Encoder | undefined;

/**
 * Loads what it takes to answer in protobuf, where a client asks for that: before its first request is served, and
 * never where nobody does.
 */
export function loadEncoder({ headers }: IncomingMessage): Promise<void> | undefined {
  if (encoder || !headers.accept?.includes('protobuf')) return undefined;
  return import('../protobuf/answers.ts').then((module) => {
    encoder = module;
  });
}

/** A single object in protobuf, if the client prefers that and the kind has such a form; otherwise it gets JSON. */
export function inProtobuf(request: IncomingMessage | undefined, body: object): Buffer | undefined {
  const { accept } = request?.headers ?? {};
  if (!encoder || !accept?.includes('protobuf')) return undefined;
  return prefersProtobuf(accept) ? encoder.encodeAnswer(body) : undefined;
}

function prefersProtobuf(accept: string): boolean {
  try {
    return negotiate(accept).protobuf;
  } catch {
    // The answer is that nothing of what is accepted is there: as JSON, which everybody reads.
    return false;
  }
}
