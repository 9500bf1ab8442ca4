import type { IncomingMessage } from 'node:http';
import type { Resource } from '../../api/scheme.ts';
import { statusError } from '../../api/status.ts';
import { servedResources } from '../registry/kinds/rows.ts';

/** What a request's path names. Upstream: `apiserver/pkg/endpoints/request/requestinfo.go`. */
export interface Target {
  resource: Resource;
  /** The resource under the group and version of the path, where that is not what it is stored in. */
  as?: Resource;
  namespace?: string;
  /** Absent: the collection. */
  name?: string;
  subresource?: string;
}

/** Upstream's verbs, which authorization speaks of. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

const rows = new Map(
  servedResources.map((row) => [`${row.served.group}/${row.served.version}/${row.served.name}`, row]),
);

/** Below `/namespaces/NAME/` these are parts of the namespace itself, not kinds in it. */
const namespaceSubresources: readonly string[] = ['status', 'finalize'];

/**
 * Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`; undefined for other paths.
 * @throws StatusError NotFound for kinds that are not served
 */
export function parseTarget(path: string, customResource?: FindCustom): Target | undefined {
  const [root, ...parts] = path.split('/').filter(Boolean).map(decode);
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'api' ? '' : (parts.shift() ?? '');
  const version = parts.shift();
  if (!version || parts.length === 0) return undefined;
  const nested =
    parts[0] === 'namespaces' && parts.length > 2 && !namespaceSubresources.includes(parts[2] ?? '');
  const namespace = nested ? parts[1] : undefined;
  const [plural = '', name, subresource, ...rest] = nested ? parts.slice(2) : parts;
  const row =
    rows.get(`${group}/${version}/${plural}`) ?? customRow(customResource?.(group, version, plural));
  const resource = row?.stored;
  // Below `proxy` everything is the backend's.
  const tooLong = rest.length > 0 && subresource !== 'proxy';
  if (!row || !resource || tooLong || (namespace !== undefined && !resource.namespaced)) throw unknownPath();
  return {
    resource,
    ...(row.served === resource ? {} : { as: row.served }),
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
    ...(subresource ? { subresource } : {}),
  };
}

/**
 * Path and query as authorization reads them. `new URL` would resolve `..`, and lead elsewhere than where the user
 * was found to be allowed to go.
 */
export function requestUrl({ url = '/' }: IncomingMessage): Pick<URL, 'pathname' | 'searchParams'> {
  const mark = url.indexOf('?');
  if (mark < 0) return { pathname: url, searchParams: new URLSearchParams() };
  return { pathname: url.slice(0, mark), searchParams: new URLSearchParams(url.slice(mark + 1)) };
}

/** The row of a version of a custom kind that is served now. */
export type FindCustom = (group: string, version: string, plural: string) => Resource | undefined;

const customRow = (row: Resource | undefined) => row && { served: row, stored: row };

export function unknownPath() {
  return statusError('NotFound', 'the server could not find the requested resource', {});
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Not percent-encoding: no object has such a name, so the text as it is will not be found.
    return part;
  }
}

export function verbOf(method: string, { name }: Pick<Target, 'name'>, watch: boolean): Verb | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return watch ? 'watch' : name ? 'get' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name ? 'delete' : 'deletecollection';
    default:
      return undefined;
  }
}
