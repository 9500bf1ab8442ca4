import type { Duplex, Readable, Writable } from 'node:stream';
import type { Status } from '../../api/types.ts';

export interface TerminalSize {
  columns: number;
  rows: number;
}

/** Which streams a client asks for. Upstream: `kubelet/cri/streaming/remotecommand` (Options). */
export interface StreamOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** A client that is connected to a command or a container, whatever protocol it speaks. */
export interface RemoteClient {
  /** Ends when the client ends it, or is gone. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Called with every size of the client's terminal, the last one before this first. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** Fires when the client is gone, or {@link end} has been called. */
  readonly gone: AbortSignal;
  /** Tells how it ended, after all that was written, and closes. */
  end(status: Status): Promise<void>;
}

/** Remembers the last size for a listener that comes later. */
export function createResizes(): {
  push(content: Buffer | string): void;
  listen: RemoteClient['onResize'];
} {
  let last: TerminalSize | undefined;
  let told: (size: TerminalSize) => void = () => undefined;
  return {
    push(content) {
      const size = sizeOf(String(content));
      if (!size) return;
      last = size;
      told(size);
    },
    listen(listener) {
      told = listener;
      if (last) listener(last);
    },
  };
}

/**
 * `{"Width":80,"Height":24}`; JavaScript's client writes the names small, which Go reads as well. What is not that is
 * passed over, as upstream does.
 */
function sizeOf(text: string): TerminalSize | undefined {
  const match = (name: string) => new RegExp(`"${name}"\\s*:\\s*(\\d+)`, 'i').exec(text)?.[1];
  const [columns, rows] = [match('Width'), match('Height')];
  return columns && rows ? { columns: Number(columns), rows: Number(rows) } : undefined;
}

/** What the error stream carries: the whole Status since v4, before that the message of a failure. */
export function statusContent(protocol: string, status: Status): Buffer {
  if (/^v[45]\./.test(protocol)) return Buffer.from(JSON.stringify(status));
  return Buffer.from(status.status === 'Success' ? '' : (status.message ?? ''));
}

/** Ends a stream and waits until that has left, or never will. */
export function finish(stream: Writable | Duplex | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (!stream || stream.writableFinished || stream.destroyed) return resolve();
    stream.once('close', resolve);
    stream.end(() => resolve());
  });
}
