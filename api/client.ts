import { type AgentOptions, type ClientRequest, Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { KubeList, KubeObject, WatchEvent } from './object.ts';
import { apiVersionOf, collectionPath, type Resource } from './scheme.ts';
import { StatusError, statusError } from './status.ts';
import type { Answer, Headers, Transport } from './transport.ts';
import type { DeleteOptions, Status } from './types.ts';

/** How to reach an API server. Either `server` (an https URL) or `socketPath` (loopback, trusted). */
export interface ClientConfig {
  server?: string;
  /** Several of the same cluster take the place of `server`: while one cannot be reached, the next is asked. */
  servers?: readonly string[];
  socketPath?: string;
  /** Takes the place of HTTP to the server, for components in the server's own process. */
  transport?: Transport;
  /** PEM. */
  ca?: string;
  cert?: string;
  key?: string;
  /** In the place of `cert` and `key`: asked before each request, so that a renewed one is used; what runs goes on. */
  certificate?: () => { cert: string; key: string };
  /** Bearer token; a function is asked before each request, so that a rotated token is used. */
  token?: string | (() => string);
  insecureSkipTlsVerify?: boolean;
  userAgent?: string;
  /** Requests wait for it: that a server which is just starting answers, see {@link serverListens}. */
  after?: Promise<unknown>;
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion?: string;
  limit?: number;
  continue?: string;
}

export interface WatchOptions extends ListOptions {
  allowWatchBookmarks?: boolean;
  timeoutSeconds?: number;
  /** Begin with what there is, ended by a bookmark (KEP-3157); needs `resourceVersionMatch: 'NotOlderThan'`. */
  sendInitialEvents?: boolean;
  resourceVersionMatch?: 'NotOlderThan';
  signal?: AbortSignal;
}

export interface ObjectRef {
  name: string;
  namespace?: string;
  /** `status`, `scale`, `binding`, `token` … */
  subresource?: string;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const patchMediaTypes: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/**
 * A small Kubernetes client for components: JSON over HTTP/1.1 with kept-alive connections. Works
 * against any conforming API server. Failures are {@link StatusError}s where the server sent a
 * `Status`, system errors (`ECONNREFUSED` …) otherwise.
 */
export interface Client {
  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef): Promise<T>;
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<KubeList<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T>;
  /** Replaces; carries `metadata.resourceVersion` for optimistic concurrency where the object has one. */
  update<T extends KubeObject>(resource: Resource<T>, object: T, subresource?: string): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    type: PatchType,
    body: unknown,
  ): Promise<T>;
  delete<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    options?: DeleteOptions,
  ): Promise<T | Status>;
  /** Ends when the server closes the stream or `signal` fires. An `ERROR` event is thrown as {@link StatusError}. */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>>;
  /** Any other call: `request('GET', '/version')`. The body is sent and read as JSON, whatever `headers` say. */
  request<R = unknown>(method: string, path: string, body?: unknown, headers?: Headers): Promise<R>;
  /** Closes idle connections. */
  close(): void;
}

export function createClient(config: ClientConfig): Client {
  const send = config.transport ?? createTransport(config);

  const path = (resource: Resource, ref: ObjectRef) =>
    `${collectionPath(resource, ref.namespace)}/${encodeURIComponent(ref.name)}${ref.subresource ? `/${ref.subresource}` : ''}`;

  /** Items of a list carry no type of their own on the wire; components want it. */
  const typed = <T extends KubeObject>(resource: Resource<T>, object: T): T => {
    object.apiVersion ??= apiVersionOf(resource);
    object.kind ??= resource.kind;
    return object;
  };

  async function request<R>(method: string, url: string, body?: unknown, headers: Headers = {}): Promise<R> {
    const response = await send.open(method, url, { body, headers });
    const text = await readAll(response);
    if ((response.statusCode ?? 500) >= 400) throw failure(response, text, url);
    return JSON.parse(text) as R;
  }

  return {
    request,
    close: () => send.close(),
    get: (resource, ref) => request('GET', path(resource, ref)),
    async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}) {
      const list = await request<KubeList<T>>(
        'GET',
        `${collectionPath(resource, options.namespace)}${query(options)}`,
      );
      list.items ??= [];
      for (const item of list.items) typed(resource, item);
      return list;
    },
    create: (resource, object) =>
      request('POST', collectionPath(resource, object.metadata?.namespace), typed(resource, { ...object })),
    update: (resource, object, subresource) =>
      request('PUT', path(resource, refOf(object, subresource)), typed(resource, { ...object })),
    patch: (resource, ref, type, body) =>
      request('PATCH', path(resource, ref), body, { 'content-type': patchMediaTypes[type] }),
    delete: (resource, ref, options) =>
      request(
        'DELETE',
        path(resource, ref),
        options && { apiVersion: 'v1', kind: 'DeleteOptions', ...options },
      ),
    async *watch<T extends KubeObject>(resource: Resource<T>, { signal, ...options }: WatchOptions) {
      const url = `${collectionPath(resource, options.namespace)}${query({ ...options, watch: true })}`;
      const response = await send.open('GET', url, { watch: true, ...(signal ? { signal } : {}) });
      if ((response.statusCode ?? 500) >= 400) throw failure(response, await readAll(response), url);
      try {
        for await (const line of lines(response)) {
          const event = JSON.parse(line) as WatchEvent<T>;
          if (event.type === 'ERROR') throw new StatusError(event.object as Status);
          yield event;
        }
      } finally {
        response.destroy();
      }
    },
  };
}

function refOf(object: KubeObject, subresource?: string): ObjectRef {
  const { name = '', namespace } = object.metadata ?? {};
  return { name, ...(namespace ? { namespace } : {}), ...(subresource ? { subresource } : {}) };
}

function query(options: object): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined && key !== 'namespace') parameters.set(key, String(value));
  }
  const text = parameters.toString();
  return text ? `?${text}` : '';
}

/** For requests that end; each watch has one of its own. */
const mostConnections = 4;

function createTransport(config: ClientConfig): Transport {
  const { socketPath } = config;
  const urls = socketPath ? [] : (config.servers ?? [config.server ?? '']).map((server) => new URL(server));
  /** The one that answered last. */
  let answering = 0;
  const secure = urls[0]?.protocol === 'https:';
  let agents: Agents | undefined;
  const current = (): Agents => {
    const { cert, key } = config.certificate?.() ?? config;
    if (agents && agents.cert === cert) return agents;
    if (agents) retire(agents);
    agents = { cert, ...createAgents(config, secure, { cert, key }) };
    return agents;
  };
  // Now, because most clients have time to spare until their server listens.
  current();
  const addresses = urls.map((url) => ({ host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port }));
  const prefix = urls[0]?.pathname.replace(/\/$/, '') ?? '';
  const start = secure ? httpsRequest : httpRequest;

  return {
    close() {
      agents?.calls.destroy();
      agents?.watches.destroy();
    },
    async open(method, path, sending) {
      await config.after;
      const token = typeof config.token === 'function' ? config.token() : config.token;
      const body = sending.body === undefined ? undefined : JSON.stringify(sending.body);
      const headers: Headers = {
        accept: 'application/json',
        'user-agent': config.userAgent ?? 'vethernetes',
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
        ...sending.headers,
      };
      const { signal } = sending;
      const { calls, watches } = current();
      const attempt = (server: number) =>
        new Promise<Answer>((resolve, reject) => {
          const outgoing: ClientRequest = start({
            ...(addresses[server] ?? { socketPath }),
            path: prefix + path,
            method,
            headers,
            agent: sending.watch ? watches : calls,
            ...(signal ? { signal } : {}),
          });
          outgoing.once('response', resolve);
          outgoing.once('error', reject);
          outgoing.end(body);
        });
      for (let attempts = 1; ; attempts++) {
        const server = answering;
        try {
          return await attempt(server);
        } catch (error) {
          if (signal?.aborted || addresses.length < 2) throw error;
          if (answering === server) answering = (server + 1) % addresses.length;
          // Only what surely never arrived is sent again.
          const { syscall, code } = error as NodeJS.ErrnoException;
          if (syscall !== 'connect' || code === 'ECONNRESET' || attempts === addresses.length) throw error;
        }
      }
    },
  };
}

/** Connections with one certificate. */
interface Agents {
  cert: string | undefined;
  calls: HttpAgent;
  watches: HttpAgent;
}

function createAgents(
  { ca, insecureSkipTlsVerify }: ClientConfig,
  secure: boolean,
  { cert, key }: { cert: string | undefined; key: string | undefined },
): Omit<Agents, 'cert'> {
  // Made once: parsing certificates anew costs milliseconds for every connection.
  const tls = secure && {
    secureContext: createSecureContext({ ca, cert, key }),
    rejectUnauthorized: !insecureSkipTlsVerify,
  };
  const agentOf = (options: AgentOptions) =>
    tls ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options);
  // What comes together, as when many pods start, waits for one of a few connections: to open one costs as much as ten
  // requests on one that is open.
  const calls = agentOf({ keepAlive: true, maxSockets: mostConnections });
  return { calls, watches: agentOf({ keepAlive: true }) };
}

/** No new request comes to these connections; each ends with the one it serves. */
function retire({ calls, watches }: Agents): void {
  for (const agent of [calls, watches]) {
    agent.maxFreeSockets = 0;
    for (const sockets of Object.values(agent.freeSockets))
      for (const socket of sockets ?? []) socket.destroy();
  }
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      start = end + 1;
      if (line) yield line;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
}

function failure(response: Answer, text: string, url: string): StatusError {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === 'Status') return new StatusError(status);
  } catch {
    // Not a Status: a proxy in between, or no Kubernetes at all. Reported below with what it said.
  }
  const code = response.statusCode ?? 500;
  const error = statusError('InternalError', `${url}: HTTP ${code}: ${text.slice(0, 200)}`);
  return new StatusError({ ...error.status, code });
}
