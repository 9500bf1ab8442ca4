import { connect, constants } from 'node:http2';
import { joinHostPort } from '../../api/address.ts';

/** `grpc.health.v1.HealthCheckResponse.ServingStatus` by number. */
const servingStatus = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/**
 * Calls `grpc.health.v1.Health/Check` over plaintext HTTP/2. Undefined when the answer is SERVING, else what
 * kubelet says. Upstream: `pkg/probe/grpc/grpc.go`.
 */
export function grpcProbe(
  { host, port, service }: { host: string; port: number; service: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const address = joinHostPort(host, port);
    const session = connect(`http://${address}`);
    let over = false;
    const done = (answer: string | undefined) => {
      if (over) return;
      over = true;
      signal.removeEventListener('abort', abort);
      session.destroy();
      resolve(answer);
    };
    const abort = () => done(`timeout: failed to connect service "${address}": context deadline exceeded`);
    signal.addEventListener('abort', abort, { once: true });
    const failed = ({ message, cause }: Error) => {
      const why = cause instanceof Error ? cause.message : message;
      done(`error: failed to connect service "${address}": ${why}`);
    };
    session.on('error', failed);
    if (signal.aborted) abort();
    const call = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
      [constants.HTTP2_HEADER_USER_AGENT]: 'kube-probe/1.33',
    });
    const chunks: Buffer[] = [];
    let code = '';
    const note = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined) code = String(headers['grpc-status']);
    };
    call.on('response', note);
    call.on('trailers', note);
    call.on('data', (chunk: Buffer) => chunks.push(chunk));
    call.on('error', failed);
    call.on('close', () => done(verdict(code, Buffer.concat(chunks), service)));
    call.end(checkRequest(service));
  });
}

/** A gRPC frame (no compression, length) that holds `HealthCheckRequest{service: 1}`. */
export function checkRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length > 0 ? Buffer.concat([Buffer.of(0x0a), varint(name.length), name]) : name;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** Of the call's status code and the frame that came. */
export function verdict(code: string, frame: Buffer, service: string): string | undefined {
  if (code === '12')
    return 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health)';
  if (code === '5') return `error: service "${service}" is unknown to the server`;
  if (code !== '0') return `error: health rpc probe failed: grpc status ${code || 'missing'}`;
  // `HealthCheckResponse{status: 1}`, a single varint below 128; left out when it is 0.
  const status = frame[5] === 0x08 ? (frame[6] ?? 0) : 0;
  if (status === 1) return undefined;
  return `service unhealthy (responded with "${servingStatus[status] ?? String(status)}")`;
}
