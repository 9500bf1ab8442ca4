import type { Duplex, Writable } from 'node:stream';
import type { PodConnection } from '../runtime/forward.ts';
import type { SpdyStream } from './spdy/connection.ts';
import type { SpdyHeaders } from './spdy/headers.ts';

/** Where connections go. */
export interface ForwardTarget {
  pod: string;
  uid: string;
  /** @throws Error whose message the client is shown */
  connect(port: number): Promise<PodConnection>;
}

/** The only protocol there is, over SPDY; upstream: `portforward.PortForwardProtocolV1Name`. */
export const portForwardProtocol = 'portforward.k8s.io';

/** Milliseconds between the two streams of one connection; upstream: `DefaultStreamCreationTimeout`. */
const creationTimeout = 30_000;

interface Pair {
  data?: SpdyStream;
  error?: SpdyStream;
  timer: NodeJS.Timeout;
}

/**
 * Takes a client's streams in pairs, one for bytes and one for what went wrong, each pair a connection to a
 * port. Upstream: `kubelet/cri/streaming/portforward/httpstream.go`.
 */
export function createPairing(target: ForwardTarget): {
  accepts(headers: SpdyHeaders): boolean;
  onStream(stream: SpdyStream): void;
} {
  const pairs = new Map<string, Pair>();
  const pairOf = (id: string): Pair => {
    const known = pairs.get(id);
    if (known) return known;
    const timer = setTimeout(() => {
      const { error, data } = pairs.get(id) ?? {};
      pairs.delete(id);
      error?.end(`(request=${id}) timed out waiting for streams`);
      data?.destroy();
    }, creationTimeout);
    const made = { timer };
    pairs.set(id, made);
    return made;
  };
  return {
    accepts: ({ port = '', streamtype = '' }) =>
      /^\d{1,5}$/.test(port) &&
      Number(port) > 0 &&
      Number(port) < 65_536 &&
      /^(data|error)$/.test(streamtype),
    onStream(stream) {
      const { streamtype, port } = stream.headers;
      const id = requestOf(stream);
      const pair = pairOf(id);
      const kind = streamtype === 'error' ? 'error' : 'data';
      if (pair[kind]) {
        pair.error?.write(`error processing stream for request ${id}: ${kind} stream already assigned`);
        stream.destroy();
        return;
      }
      pair[kind] = stream;
      // Nothing comes on it but its end.
      if (kind === 'error') stream.resume();
      if (!pair.data || !pair.error) return;
      clearTimeout(pair.timer);
      pairs.delete(id);
      void forward(target, Number(port), pair.data, pair.error);
    },
  };
}

/** Old clients send no id: they open the error stream, then the one for data, whose numbers differ by two. */
function requestOf({ id, headers: { requestid, streamtype } }: SpdyStream): string {
  return requestid ?? String(streamtype === 'error' ? id : id - 2);
}

/** Carries one connection until both directions have ended. Resolves then. */
export async function forward(
  { pod, uid, connect }: ForwardTarget,
  port: number,
  data: Duplex,
  error: Writable,
): Promise<void> {
  let connection: PodConnection;
  try {
    connection = await connect(port);
  } catch (reason) {
    const message = reason instanceof Error ? reason.message : String(reason);
    error.end(`error forwarding port ${port} to pod ${pod}, uid ${uid}: ${message}`);
    data.resume();
    data.end();
    return;
  }
  const { input, output } = connection;
  data.pipe(input);
  output.pipe(data);
  const over = new Promise<void>((resolve) => {
    // Once the pod has no more to say, the connection is over, as upstream has it.
    for (const event of ['end', 'close', 'error']) output.once(event, resolve);
    data.once('close', resolve);
  });
  await over;
  data.resume();
  if (data.writable) data.end();
  error.end();
  connection.close();
}
