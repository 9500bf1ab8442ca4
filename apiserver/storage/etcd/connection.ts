import {
  type EtcdTls,
  type GrpcCall,
  GrpcError,
  type GrpcReceiver,
  type GrpcSession,
  grpcCode,
  openSession,
} from './grpc.ts';

/** Calls to whichever member of an etcd cluster answers. */
export interface Connection {
  /**
   * One request, one answer. A call that surely was not acted on goes to the next member, others only when
   * `repeatable`.
   * @throws GrpcError
   */
  ask(path: string, message: Buffer, options?: { repeatable?: boolean }): Promise<Buffer>;
  /** A call in which messages go to and fro. @throws GrpcError when no member can be reached */
  stream(path: string, receiver: GrpcReceiver, headers?: Readonly<Record<string, string>>): Promise<GrpcCall>;
  close(): void;
}

/** Above etcd's own 7 s, after which it says `etcdserver: request timed out`. */
const requestMilliseconds = 10_000;

/** @param endpoints `https://HOST:PORT`, in order of preference */
export function createConnection(endpoints: readonly string[], tls: EtcdTls): Connection {
  let session: GrpcSession | undefined;
  let opening: Promise<GrpcSession> | undefined;
  let next = 0;
  let closed = false;

  async function open(): Promise<GrpcSession> {
    let failure: unknown;
    for (let attempt = 0; attempt < endpoints.length; attempt++) {
      const url = endpoints[next % endpoints.length] ?? '';
      try {
        session = await openSession(url, tls);
        if (closed) session.close();
        return session;
      } catch (error) {
        failure = error;
        next++;
      }
    }
    throw failure;
  }

  async function living(): Promise<GrpcSession> {
    if (session?.open) return session;
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return opening;
  }

  /** The member is cut off from the others, or gone without a word: the next call tries another. */
  function moveOn(from: GrpcSession): void {
    if (session !== from) return;
    next++;
    session = undefined;
    // Calls under way may still be answered; their own patience ends them.
    setTimeout(() => from.close(), requestMilliseconds).unref();
  }

  function once(session: GrpcSession, path: string, message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let answer: Buffer | undefined;
      const patience = setTimeout(() => {
        call.cancel();
        if (endpoints.length > 1) moveOn(session);
        else session.close();
        reject(new GrpcError(grpcCode.deadlineExceeded, 'etcdserver: request timed out'));
      }, requestMilliseconds);
      const call = session.call(path, {
        message: (body) => {
          answer = body;
        },
        end(error) {
          clearTimeout(patience);
          if (error) reject(error);
          else if (answer) resolve(answer);
          else reject(new GrpcError(grpcCode.unavailable, `${session.url}: an empty answer to ${path}`));
        },
      });
      call.write(message);
      call.finish();
    });
  }

  return {
    async ask(path, message, { repeatable = false } = {}) {
      for (let attempt = 1; ; attempt++) {
        const session = await living();
        try {
          return await once(session, path, message);
        } catch (error) {
          if (!(error instanceof GrpcError) || closed) throw error;
          const unavailable = error.code === grpcCode.unavailable;
          if (unavailable && session.open && endpoints.length > 1) moveOn(session);
          if (!(error.unsent || (repeatable && unavailable)) || attempt > endpoints.length) throw error;
        }
      }
    },
    async stream(path, receiver, headers) {
      return (await living()).call(path, receiver, headers);
    },
    close() {
      closed = true;
      session?.close();
    },
  };
}
