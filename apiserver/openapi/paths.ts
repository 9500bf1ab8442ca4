import { collectionPath, type Resource } from '../../api/scheme.ts';
import { patchMediaTypes } from '../patch/patch.ts';
import { schemaName } from './names.ts';
import { type Dialect, groupVersionKind, reference, type Schema } from './schemas.ts';

type Verb = 'list' | 'create' | 'deletecollection' | 'read' | 'update' | 'patch' | 'delete';

/** The HTTP method of a verb, the action upstream names it by, and the query parameters it takes. */
const verbs: Readonly<Record<Verb, { method: string; action: string; query: readonly string[] }>> = {
  list: {
    method: 'get',
    action: 'list',
    query: [
      'allowWatchBookmarks',
      'continue',
      'fieldSelector',
      'labelSelector',
      'limit',
      'resourceVersion',
      'resourceVersionMatch',
      'sendInitialEvents',
      'timeoutSeconds',
      'watch',
    ],
  },
  create: { method: 'post', action: 'post', query: ['dryRun', 'fieldManager', 'fieldValidation'] },
  deletecollection: {
    method: 'delete',
    action: 'deletecollection',
    query: ['dryRun', 'fieldSelector', 'gracePeriodSeconds', 'labelSelector', 'propagationPolicy'],
  },
  read: { method: 'get', action: 'get', query: [] },
  update: { method: 'put', action: 'put', query: ['dryRun', 'fieldManager', 'fieldValidation'] },
  patch: { method: 'patch', action: 'patch', query: ['dryRun', 'fieldManager', 'fieldValidation', 'force'] },
  delete: {
    method: 'delete',
    action: 'delete',
    query: ['dryRun', 'gracePeriodSeconds', 'propagationPolicy'],
  },
};

/** Of what is not plain from its name. */
const parameterTexts: Readonly<Record<string, string>> = {
  fieldSelector: 'Restricts the list of returned objects by their fields. Defaults to everything.',
  labelSelector: 'Restricts the list of returned objects by their labels. Defaults to everything.',
  watch: 'Watch for changes to the described resources and return them as a stream of notifications.',
};

const booleans: readonly string[] = ['allowWatchBookmarks', 'force', 'sendInitialEvents', 'watch'];
const integers: readonly string[] = ['gracePeriodSeconds', 'limit', 'timeoutSeconds'];

/** The paths of a kind with their operations. */
export function pathsOf(resource: Resource, dialect: Dialect): Record<string, Schema> {
  const root = collectionPath(resource);
  const collection = resource.namespaced
    ? root.replace(new RegExp(`/${resource.name}$`), `/namespaces/{namespace}/${resource.name}`)
    : root;
  const item = `${collection}/{name}`;
  const paths: Record<string, Schema> = {
    [collection]: operations(resource, ['list', 'create', 'deletecollection'], collection, dialect),
    [item]: operations(resource, ['read', 'update', 'patch', 'delete'], item, dialect),
  };
  if (resource.namespaced) paths[root] = operations(resource, ['list'], root, dialect);
  const subresources = [...(resource.status ? ['status'] : []), ...(resource.scale ? ['scale'] : [])];
  for (const name of subresources) {
    const of: Resource =
      name === 'scale' ? { ...resource, group: 'autoscaling', kind: 'Scale', type: 'Scale' } : resource;
    paths[`${item}/${name}`] = operations(of, ['read', 'update', 'patch'], `${item}/${name}`, dialect);
  }
  return paths;
}

function operations(resource: Resource, list: readonly Verb[], path: string, dialect: Dialect): Schema {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    ...typed('string', dialect),
  }));
  return {
    ...Object.fromEntries(list.map((verb) => [verbs[verb].method, operation(resource, verb, path, dialect)])),
    ...(names.length > 0 ? { parameters: names } : {}),
  };
}

function operation(resource: Resource, verb: Verb, path: string, dialect: Dialect): Schema {
  const { action, query } = verbs[verb];
  const { type, kind, namespaced } = resource;
  const tail = path.split('/').at(-1) ?? '';
  const suffix = ['status', 'scale'].includes(tail) ? tail[0]?.toUpperCase() + tail.slice(1) : '';
  const scope = path.includes('{namespace}') ? 'Namespaced' : '';
  const everywhere = namespaced && !scope ? 'ForAllNamespaces' : '';
  const parameters: Schema[] = query.map((parameter) => ({
    name: parameter,
    in: 'query',
    ...(parameterTexts[parameter] ? { description: parameterTexts[parameter] } : {}),
    ...typed(typeOf(parameter), dialect),
  }));
  const result =
    verb === 'list'
      ? `${schemaName(type)}List`
      : verb.startsWith('delete')
        ? schemaName('Status')
        : schemaName(type);
  const body = bodyOf(verb, type);
  return {
    description: descriptionOf(verb, kind, suffix ? tail : ''),
    operationId: `${verb}${scope}${kind}${suffix}${everywhere}`,
    ...request(body, verb === 'patch' ? patchTypes(resource) : ['application/json'], parameters, dialect),
    responses: responses(verb, result, dialect),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(resource),
  };
}

/** In upstream's words. */
function descriptionOf(verb: Verb, kind: string, part: string): string {
  const article = /^[AEIOU]/.test(kind) ? 'an' : 'a';
  const which = `${part ? `${part} of ` : ''}the specified ${kind}`;
  switch (verb) {
    case 'list':
      return `list or watch objects of kind ${kind}`;
    case 'create':
      return `create ${article} ${kind}`;
    case 'deletecollection':
      return `delete collection of ${kind}`;
    case 'delete':
      return `delete ${article} ${kind}`;
    case 'read':
      return `read ${which}`;
    case 'update':
      return `replace ${which}`;
    case 'patch':
      return `partially update ${which}`;
  }
}

function bodyOf(verb: Verb, type: string): string | undefined {
  if (verb === 'create' || verb === 'update') return schemaName(type);
  if (verb === 'patch') return 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';
  return verb.startsWith('delete') ? schemaName('DeleteOptions') : undefined;
}

/** By what is listed here kubectl chooses how it patches. */
function patchTypes({ stored }: Resource): readonly string[] {
  return patchMediaTypes.filter((type) => !stored || !type.includes('strategic'));
}

function request(
  body: string | undefined,
  types: readonly string[],
  parameters: Schema[],
  dialect: Dialect,
): Schema {
  if (!body) return { parameters };
  const schema = reference(body, dialect);
  const required = !body.endsWith('.DeleteOptions');
  if (dialect === 2) {
    return { consumes: types, parameters: [{ name: 'body', in: 'body', required, schema }, ...parameters] };
  }
  const content = Object.fromEntries(types.map((type) => [type, { schema }]));
  return { parameters, requestBody: { content, ...(required ? { required } : {}) } };
}

function responses(verb: Verb, name: string, dialect: Dialect): Schema {
  const schema = reference(name, dialect);
  const answer = (description: string) =>
    dialect === 2 ? { description, schema } : { description, content: { 'application/json': { schema } } };
  return {
    200: answer('OK'),
    ...(verb === 'create' || verb === 'update' || verb === 'patch' ? { 201: answer('Created') } : {}),
    401: { description: 'Unauthorized' },
  };
}

function typeOf(parameter: string): string {
  if (booleans.includes(parameter)) return 'boolean';
  return integers.includes(parameter) ? 'integer' : 'string';
}

/** Version 2 has the type beside the name, version 3 in a schema. */
function typed(type: string, dialect: Dialect): Schema {
  const unique = { uniqueItems: true };
  return dialect === 2 ? { type, ...unique } : { schema: { type, ...unique } };
}
