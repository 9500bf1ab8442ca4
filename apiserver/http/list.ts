import type { Resource } from '../../api/scheme.ts';
import { StatusError, statusError } from '../../api/status.ts';
import type { Cache } from '../storage/cache.ts';
import type { Entry } from '../storage/entry.ts';
import { prefixOf } from '../storage/keys.ts';
import type { ListQuery } from './query.ts';
import type { ListMeta } from './render.ts';

/** Where a list in parts goes on; upstream: `apiserver/pkg/storage/continue.go`. */
interface ContinueToken {
  v: 'meta.k8s.io/v1';
  /** Revision of the first part; -1: whatever is current. */
  rv: number;
  /** Key, without the collection's prefix, of the last object given. */
  start: string;
}

/**
 * One list, or one part of it: all parts show the state of the first one's moment.
 * @throws StatusError 410 Expired, 504 Timeout for a version in the future
 */
export function listEntries(
  cache: Cache,
  resource: Resource,
  namespace: string | undefined,
  query: ListQuery,
): { entries: readonly Entry[]; metadata: ListMeta } {
  const prefix = prefixOf(resource);
  const token = query.continue === undefined ? undefined : parseToken(query);
  const revision = token ? (token.rv === -1 ? cache.revision : token.rv) : revisionOf(cache, query);
  const state = token
    ? continued(cache, resource, namespace, token)
    : cache.list(resource, namespace, revision);
  const rest = token ? state.filter(({ key }) => key.slice(prefix.length) > token.start) : state;
  const entries = query.all ? rest : rest.filter(query.matches);
  const metadata: ListMeta = { resourceVersion: String(revision) };
  if (!query.limit || entries.length <= query.limit) return { entries, metadata };

  const part = entries.slice(0, query.limit);
  metadata.continue = formatToken({
    v: 'meta.k8s.io/v1',
    rv: revision,
    start: part.at(-1)?.key.slice(prefix.length) ?? '',
  });
  if (query.all) metadata.remainingItemCount = entries.length - part.length;
  return { entries: part, metadata };
}

/** Upstream: `resourceVersion` unset or 0 is the latest here; `Exact` is implied by a limit. */
function revisionOf(cache: Cache, { resourceVersion, match, limit }: ListQuery): number {
  const { revision } = cache;
  if (!resourceVersion) return revision;
  if (resourceVersion > revision) throw inFuture(resourceVersion, revision);
  return match === 'Exact' || (match === undefined && limit > 0) ? resourceVersion : revision;
}

export function inFuture(asked: number, current: number): StatusError {
  const error = statusError('Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
  return error;
}

function continued(cache: Cache, resource: Resource, namespace: string | undefined, token: ContinueToken) {
  try {
    return cache.list(resource, namespace, token.rv === -1 ? cache.revision : token.rv);
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'Expired') throw error;
    const { status } = statusError(
      'Expired',
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    );
    throw new StatusError({ ...status, metadata: { continue: formatToken({ ...token, rv: -1 }) } });
  }
}

function formatToken(token: ContinueToken): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function parseToken(query: ListQuery): ContinueToken {
  if (query.resourceVersion) {
    throw statusError('BadRequest', 'specifying resource version is not allowed when using continue');
  }
  try {
    const token = JSON.parse(Buffer.from(query.continue ?? '', 'base64url').toString()) as ContinueToken;
    if (token.v === 'meta.k8s.io/v1' && Number.isSafeInteger(token.rv) && typeof token.start === 'string') {
      return token;
    }
  } catch {
    // Not one of our tokens: reported below, as any other that is not.
  }
  throw statusError(
    'BadRequest',
    'continue key is not valid: it must be the one that the previous list returned',
  );
}
