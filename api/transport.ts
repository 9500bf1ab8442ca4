/** Names in lower case. */
export type Headers = Record<string, string>;

/** What goes with a request. */
export interface Sending {
  /** Sent as JSON. */
  body?: unknown;
  headers?: Headers;
  signal?: AbortSignal;
  /** The answer goes on until somebody ends it. */
  watch?: boolean;
}

/** A response whose body has yet to be read: the bytes of one object, or of a watch, as they come. */
export interface Answer extends AsyncIterable<Buffer> {
  readonly statusCode?: number | undefined;
  /** Ends a watch from this side. */
  destroy(): void;
}

/** Carries a client's requests to one API server. */
export interface Transport {
  open(method: string, path: string, sending: Sending): Promise<Answer>;
  /** Closes idle connections. */
  close(): void;
}
