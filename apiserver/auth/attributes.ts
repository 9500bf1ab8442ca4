/** What is asked for: an object or collection, or a path that is neither. */
export type Attributes = ResourceAttributes | { verb: string; path: string };

export interface ResourceAttributes {
  verb: string;
  /** Empty for the core group. */
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
}

export const isResource = (attributes: Attributes): attributes is ResourceAttributes =>
  !('path' in attributes);

/** Below `/namespaces/NAME/` these are parts of the namespace itself, not kinds in it. */
const namespaceSubresources: readonly string[] = ['status', 'finalize'];

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/**
 * Reads a request as authorization sees it, whether or not there is such a kind.
 * Upstream: `apiserver/pkg/endpoints/request/requestinfo.go`.
 *
 * @param url path and query: `/api/v1/namespaces/default/pods?watch=true`
 */
export function attributesOf(method: string, url: string): Attributes {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const parts = path.split('/').filter(Boolean).map(decode);
  const [root] = parts;
  const below = root === 'api' ? 2 : root === 'apis' ? 3 : Number.POSITIVE_INFINITY;
  if (parts.length <= below) return { verb: method.toLowerCase(), path: decode(path) };
  const group = root === 'api' ? '' : (parts[1] ?? '');
  let rest = parts.slice(below);
  const isNamespaced = rest[0] === 'namespaces' && rest[1] !== undefined;
  const namespace = isNamespaced ? rest[1] : undefined;
  if (isNamespaced && rest.length > 2 && !namespaceSubresources.includes(rest[2] ?? '')) rest = rest.slice(2);
  const [resource = '', given, subresource] = rest;
  const query = mark < 0 ? undefined : new URLSearchParams(url.slice(mark + 1));
  const collection = given === undefined;
  let verb = verbs[method] ?? '';
  if (collection && verb === 'get') verb = 'list';
  if (collection && verb === 'delete') verb = 'deletecollection';
  if (
    query &&
    (verb === 'list' || (verb === 'get' && subresource === undefined)) &&
    isTrue(query.get('watch'))
  )
    verb = 'watch';
  const isList = verb === 'list' || verb === 'watch' || verb === 'deletecollection';
  const name = given ?? (isList && query ? selectedName(query) : undefined);
  return {
    verb,
    group,
    resource,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
}

/** A selector for one name asks for one object, which a rule may allow by its name. */
function selectedName(query: URLSearchParams): string | undefined {
  const selector = query.get('fieldSelector') ?? '';
  return /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(selector)?.[1];
}

const isTrue = (value: string | null) => value !== null && value !== 'false' && value !== '0';

function decode(part: string): string {
  try {
    return part.includes('%') ? decodeURIComponent(part) : part;
  } catch {
    // Not percent-encoding: no rule names such a thing, so the text as it is will not be allowed.
    return part;
  }
}
