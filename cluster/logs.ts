import type { IncomingMessage } from 'node:http';
import type { ClientConfig } from '../api/client.ts';
import { collectionPath, resources } from '../api/scheme.ts';
import { StatusError } from '../api/status.ts';
import type { Status } from '../api/types.ts';

/** Which log of a pod, and how much of it: `kubectl logs`. */
export interface LogOptions {
  /** Default `default`. */
  namespace?: string;
  /** Needed where there are several. */
  container?: string;
  /** Goes on until the container ends, or the stream is destroyed. */
  follow?: boolean;
  /** The one before the container's last start. */
  previous?: boolean;
  /** The last so many lines. */
  tailLines?: number;
  timestamps?: boolean;
}

/** Opens a pod's log. Rejects with {@link StatusError} where there is none, in Kubernetes' words. */
export async function openLog(
  config: ClientConfig,
  pod: string,
  { namespace = 'default', ...options }: LogOptions = {},
): Promise<IncomingMessage> {
  const [{ request }, { text }] = await Promise.all([import('node:https'), import('node:stream/consumers')]);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options))
    if (value !== undefined) query.set(name, String(value));
  const path = `${collectionPath(resources.pods, namespace)}/${encodeURIComponent(pod)}/log?${query}`;
  const { server = '', ca, cert, key } = config;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request(new URL(path, server), { ca, cert, key, agent: false }, resolve).once('error', reject).end();
  });
  if (answer.statusCode === 200) return answer;
  throw new StatusError(JSON.parse(await text(answer)) as Status);
}
