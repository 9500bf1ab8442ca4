import type { APIService } from '../../api/types.ts';
import { answerOf, requestBackend } from '../http/backend.ts';
import type { Lookup } from '../registry/strategy.ts';
import { backendOf, type ProxyClientTls } from './services.ts';

/** As whom the apiserver itself comes. Upstream: `system:kube-aggregator`. */
const headers = {
  'x-remote-user': 'system:kube-aggregator',
  'x-remote-group': ['system:masters'],
};

/** Milliseconds. Upstream: the discovery client of the availability controller. */
const patience = 5_000;

/** Reads a document from an aggregated server; undefined where it has none. Rejects where it cannot be reached. */
export async function askServer(
  service: APIService,
  path: string,
  accept: string,
  lookup: Lookup,
  tls: ProxyClientTls | undefined,
): Promise<{ code: number; document: unknown }> {
  const backend = backendOf(service, lookup, tls);
  const outgoing = requestBackend(backend, { method: 'GET', path, headers: { ...headers, accept } });
  outgoing.setTimeout(patience, () => outgoing.destroy(new Error('context deadline exceeded')));
  outgoing.end();
  const answer = await answerOf(outgoing, backend);
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const code = answer.statusCode ?? 0;
  const isJson = (answer.headers['content-type'] ?? '').includes('json');
  return { code, document: isJson ? JSON.parse(text) : undefined };
}
