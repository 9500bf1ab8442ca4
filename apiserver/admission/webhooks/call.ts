import { Agent, request } from 'node:https';
import { isIP } from 'node:net';
import { joinHostPort } from '../../../api/address.ts';
import type {
  AdmissionregistrationWebhookClientConfig,
  ApiextensionsWebhookClientConfig,
} from '../../../api/types.ts';
import { serviceEndpoint } from '../../http/service-endpoint.ts';
import type { Lookup } from '../../registry/strategy.ts';

export type WebhookClient = AdmissionregistrationWebhookClientConfig | ApiextensionsWebhookClientConfig;

/** An answer larger than this is none. */
const largestAnswer = 16 * 1024 * 1024;

/**
 * Sends a review to a webhook and gives its answer, as parsed JSON. A Service is reached at one of its endpoints, under
 * the name `NAME.NAMESPACE.svc`, which its certificate must have. Upstream: `apiserver/pkg/util/webhook/client.go`.
 *
 * @param seconds for the whole call
 * @param query with which the webhook is told; empty for conversions, whose failures are called so, too
 * @throws Error in upstream's words: `failed to call webhook: Post "https://…": …`
 */
export async function callWebhook(
  client: WebhookClient,
  body: object,
  seconds: number,
  lookup: Lookup,
  query = `timeout=${seconds}s`,
): Promise<unknown> {
  const place = placeOf(client);
  const path = query ? `${place.path}${place.path.includes('?') ? '&' : '?'}${query}` : place.path;
  const shown = `https://${place.authority}${path}`;
  const called = query ? 'failed to call webhook: ' : '';
  let answer: { status: number; text: string };
  try {
    const at = place.service ? serviceAddress(client, lookup) : { host: place.host, port: place.port };
    answer = await post({ ...at, path, place, agent: agentOf(client) }, JSON.stringify(body), seconds);
  } catch (error) {
    throw new Error(`${called}Post ${JSON.stringify(shown)}: ${goWords(error)}`, {
      cause: error,
    });
  }
  if (answer.status < 200 || answer.status > 299) throw new Error(`${called}${refusal(answer)}`);
  try {
    return JSON.parse(answer.text);
  } catch (error) {
    const why = `couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : ''}`;
    throw new Error(`${called}${why}`, { cause: error });
  }
}

interface Place {
  /** As in a URL. */
  authority: string;
  host: string;
  port: number;
  path: string;
  service: boolean;
}

function placeOf({ url, service }: WebhookClient): Place {
  if (service) {
    const host = `${service.name}.${service.namespace}.svc`;
    const port = service.port ?? 443;
    const path = service.path ? `/${service.path.replace(/^\/+/, '')}` : '/';
    return { authority: joinHostPort(host, port), host, port, path, service: true };
  }
  const { host: authority, hostname, port, pathname, search } = new URL(url ?? '');
  const host = hostname.replace(/^\[|\]$/g, '');
  return { authority, host, port: Number(port) || 443, path: `${pathname}${search}`, service: false };
}

/** @throws StatusError where there is no such Service or nobody behind it */
function serviceAddress({ service }: WebhookClient, lookup: Lookup): { host: string; port: number } {
  const { name = '', namespace = '', port = 443 } = service ?? {};
  return serviceEndpoint(lookup, namespace, name, port);
}

/** Connections are kept as long as their configuration is what it was. */
const agents = new WeakMap<WebhookClient, Agent>();

function agentOf(client: WebhookClient): Agent {
  const known = agents.get(client);
  if (known) return known;
  const { caBundle } = client;
  const ca = caBundle ? Buffer.from(caBundle, 'base64').toString('utf8') : undefined;
  const made = new Agent({ keepAlive: true, ...(ca ? { ca } : {}) });
  agents.set(client, made);
  return made;
}

interface Target {
  host: string;
  port: number;
  path: string;
  place: Place;
  agent: Agent;
}

function post(
  { host, port, path, place, agent }: Target,
  body: string,
  seconds: number,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...{ host, port, path, agent },
      method: 'POST',
      servername: isIP(place.host) ? '' : place.host,
      headers: {
        host: place.authority,
        accept: 'application/json, */*',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'kube-apiserver-admission',
      },
      signal: AbortSignal.timeout(seconds * 1000),
    });
    outgoing.once('error', reject);
    outgoing.once('response', (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > largestAnswer)
          answer.destroy(new Error(`the answer is larger than ${largestAnswer} bytes`));
        chunks.push(chunk);
      });
      answer.once('error', reject);
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    outgoing.end(body);
  });
}

/** As Go's client would put it, which users look for. */
function goWords(error: unknown): string {
  const {
    code = '',
    address,
    port,
    name,
    message,
  } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  if (name === 'TimeoutError' || code === 'ABORT_ERR') return 'context deadline exceeded';
  const dial = dialWords[code];
  if (dial && address) return `dial tcp ${joinHostPort(address, port ?? 443)}: ${dial}`;
  if (code === 'ENOTFOUND')
    return `dial tcp: lookup ${(error as { hostname?: string }).hostname}: no such host`;
  const tls = tlsWords[code];
  return tls ? `tls: failed to verify certificate: x509: ${tls}` : message;
}

const dialWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

const unknownAuthority = 'certificate signed by unknown authority';
const tlsWords: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
};

/** Upstream: `NewGenericServerResponse`. */
function refusal({ status, text }: { status: number; text: string }): string {
  if (status === 404) return 'the server could not find the requested resource';
  if (status === 401) return 'the server has asked for the client to provide credentials';
  if (status >= 500)
    return `an error on the server (${JSON.stringify(text.slice(0, 2048).trim() || 'unknown')}) has prevented the request from succeeding`;
  return `the server responded with the status code ${status} but did not return more information`;
}
