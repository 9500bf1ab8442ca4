import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** A request to go on with another protocol: the connection, and what has come of it already. */
export interface UpgradeRequest {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}

/** A request that cannot be upgraded; the status and the text are the answer. */
export class UpgradeError extends Error {
  override name = 'UpgradeError';
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

export const isWebSocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket';

/** Values of a header that lists them, over all its lines. */
export function listed(value: string | string[] | undefined): string[] {
  return (Array.isArray(value) ? value.join(',') : (value ?? ''))
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}
