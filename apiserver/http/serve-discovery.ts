import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Resource } from '../../api/scheme.ts';
import type { Aggregator } from '../aggregation/aggregator.ts';
import type { Lookup } from '../registry/strategy.ts';
import { aggregated, groupDocument, groupList } from './discovery.ts';
import { parseMediaType } from './negotiate.ts';
import { sendJson } from './respond.ts';
import { unknownPath } from './target.ts';

/** `/api`, and `/apis` where nobody else serves groups: in the older form, or aggregated (KEP-3352). */
export function serveRoot(
  root: 'api' | 'apis',
  request: IncomingMessage,
  response: ServerResponse,
  legacy: object,
  custom: readonly Resource[],
): void {
  const as = aggregatedForm(request);
  if (as) {
    const { body, etag } = aggregated(root, as.v, custom);
    sendAggregated(request, response, as, body, etag);
  } else sendJson(response, 200, legacy);
}

interface Form {
  g: string;
  v: string;
  as: string;
}

function aggregatedForm(request: IncomingMessage): Form | undefined {
  for (const alternative of (request.headers.accept ?? '').split(',')) {
    const { type, parameters } = parseMediaType(alternative);
    const { g, v = '', as } = Object.fromEntries(parameters);
    if (type !== 'application/json') continue;
    if (as === undefined) return undefined;
    if (g === 'apidiscovery.k8s.io' && as === 'APIGroupDiscoveryList' && /^v2(beta1)?$/.test(v))
      return { g, v, as };
  }
  return undefined;
}

function sendAggregated(
  request: IncomingMessage,
  response: ServerResponse,
  { g, v, as }: Form,
  body: Buffer,
  etag: string,
): void {
  response.setHeader('ETag', etag);
  response.setHeader('Vary', 'Accept');
  if (request.headers['if-none-match'] === etag) {
    response.statusCode = 304;
    response.end();
    return;
  }
  response.setHeader('Content-Type', `application/json;g=${g};v=${v};as=${as}`);
  sendJson(response, 200, body);
}

/**
 * `/apis` and `/apis/GROUP` with the groups of aggregated servers.
 * @throws StatusError NotFound for a group that nobody serves
 */
export async function serveWithOthers(
  request: IncomingMessage,
  response: ServerResponse,
  group: string | undefined,
  custom: readonly Resource[],
  { services, tls }: Aggregator,
  lookup: Lookup,
): Promise<void> {
  const { aggregatedGroups, withGroups } = await import('../aggregation/discovery.ts');
  const remote = services();
  const list = groupList(custom);
  const groups = withGroups(list.groups, remote);
  if (group !== undefined) {
    const one = groups.find(({ name }) => name === group);
    const own = groupDocument(group, custom);
    if (!one && !own) throw unknownPath();
    return sendJson(response, 200, one ? { kind: 'APIGroup', apiVersion: 'v1', ...one } : (own ?? {}));
  }
  const as = aggregatedForm(request);
  if (!as) return sendJson(response, 200, { ...list, groups });
  const { items, ...document } = JSON.parse(aggregated('apis', as.v, custom).body.toString('utf8'));
  for (const other of await aggregatedGroups(remote, lookup, tls)) {
    const known = items.find(({ metadata }: typeof other) => metadata.name === other.metadata.name);
    if (!known) items.push(other);
    else
      known.versions.push(
        ...other.versions.filter(
          ({ version }) => !known.versions.some((one: { version: string }) => one.version === version),
        ),
      );
  }
  const body = Buffer.from(JSON.stringify({ ...document, items }));
  const etag = `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"`;
  sendAggregated(request, response, as, body, etag);
}
