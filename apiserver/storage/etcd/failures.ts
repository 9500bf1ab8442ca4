import { StatusError, statusError } from '../../../api/status.ts';
import { GrpcError } from './grpc.ts';

/**
 * A failure of etcd as the apiserver's clients see it: code 500 with etcd's own words. Upstream:
 * `apiserver/pkg/storage/etcd3/errors.go`, where what is not understood passes as it is.
 */
export function etcdFailure(error: unknown): unknown {
  if (!(error instanceof GrpcError)) return error;
  const { status } = statusError('InternalError', wording(error));
  return new StatusError({ ...status, details: {} });
}

/** etcd's own errors begin so; those of the way there are worded as Go's gRPC client does. */
function wording({ code, message }: GrpcError): string {
  if (message.startsWith('etcdserver: ')) return message;
  return `rpc error: code = ${code === 14 ? 'Unavailable' : code} desc = ${message}`;
}

/** Upstream: `etcdserver: mvcc: required revision has been compacted` as the apiserver words it. */
export function compactedAway(asked: number, oldest: number): StatusError {
  return statusError('Expired', `too old resource version: ${asked} (${oldest})`);
}

/** etcd: `mvcc: required revision has been compacted`. */
export const isCompacted = (error: unknown): boolean =>
  error instanceof GrpcError && error.message.includes('has been compacted');
