import type { IncomingMessage } from 'node:http';

/** Requests whose bodies somebody wants to see once they are read. */
const kept = new WeakMap<IncomingMessage, Buffer | undefined>();

export function keepBody(request: IncomingMessage): void {
  kept.set(request, undefined);
}

/** Called by who reads a body; does nothing where nobody asked for it. */
export function bodyRead(request: IncomingMessage, body: Buffer): void {
  if (kept.has(request)) kept.set(request, body);
}

export function bodyOf(request: IncomingMessage): Buffer | undefined {
  return kept.get(request);
}
