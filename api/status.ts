import type { Status, StatusCause } from './types.ts';

/** Reasons a Kubernetes `Status` may carry; upstream: apimachinery `pkg/apis/meta/v1/types.go`. */
export type StatusReason =
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Expired'
  | 'Invalid'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'UnsupportedMediaType'
  | 'RequestEntityTooLarge'
  | 'TooManyRequests'
  | 'ServerTimeout'
  | 'Timeout'
  | 'InternalError'
  | 'ServiceUnavailable';

const codes: Record<StatusReason, number> = {
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  Invalid: 422,
  BadRequest: 400,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  UnsupportedMediaType: 415,
  RequestEntityTooLarge: 413,
  TooManyRequests: 429,
  ServerTimeout: 500,
  Timeout: 504,
  InternalError: 500,
  ServiceUnavailable: 503,
};

/** What a `Status` is about; `group` and `kind` follow upstream's `StatusDetails`. */
export interface StatusSubject {
  group?: string;
  /** For most reasons the plural resource name, for `Invalid` the kind, as upstream has it. */
  kind?: string;
  name?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/**
 * An API failure, on both sides of the wire: the apiserver throws it and renders `status` as the
 * response body, the client throws it again from that body.
 */
export class StatusError extends Error {
  readonly status: Status;

  constructor(status: Status) {
    super(status.message ?? status.reason ?? 'unknown API failure');
    this.name = 'StatusError';
    this.status = status;
  }

  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): string {
    return this.status.reason ?? '';
  }
}

/** Builds a failure `Status` of the given reason, with the HTTP code that belongs to it. */
export function statusError(reason: StatusReason, message: string, details?: StatusSubject): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details ? { details } : {}),
    code: codes[reason],
  });
}

/** `pods "web-1" not found`; the resource is qualified by its group as in `deployments.apps`. */
export function notFound(group: string, resource: string, name: string): StatusError {
  return statusError('NotFound', `${qualified(group, resource)} ${JSON.stringify(name)} not found`, {
    name,
    ...(group ? { group } : {}),
    kind: resource,
  });
}

/** True for a `StatusError` with that reason; anything else is false. */
export function hasReason(error: unknown, reason: StatusReason): error is StatusError {
  return error instanceof StatusError && error.reason === reason;
}

/** `deployments.apps`, or the bare resource for the core group. */
export function qualified(group: string, resource: string): string {
  return group ? `${resource}.${group}` : resource;
}
