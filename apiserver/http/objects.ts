import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import { type StatusError, statusError } from '../../api/status.ts';
import type { DaemonSetSpec, DeleteOptions, Status } from '../../api/types.ts';
import type { Authorizer } from '../auth/authorize.ts';
import type { User } from '../auth/user.ts';
import { missing } from '../registry/pipeline/failures.ts';
import type { Admission, Registry, Request, UpdateOptions } from '../registry/registry.ts';
import type { CustomRules, Strategy } from '../registry/strategy.ts';
import type { Cache } from '../storage/cache.ts';
import type { Entry } from '../storage/entry.ts';
import { type ExpectedType, readObject, readOptionalBody } from './body.ts';
import { applyObject, isApply, manageFields } from './fields.ts';
import { listEntries } from './list.ts';
import { negotiate } from './negotiate.ts';
import { preparing } from './preparing.ts';
import { type ListQuery, parseDryRun, parseFieldValidation, parseListQuery } from './query.ts';
import { readPatch } from './read-patch.ts';
import { createRenderer, type Renderer, rulesOf } from './render.ts';
import { addWarning, joinPieces, type Pieces, sendJson, sendPieces } from './respond.ts';
import type { Target, Verb } from './target.ts';
import { serveWatch } from './watch.ts';

/** What the handlers of objects work with. */
export interface Serving {
  registry: Registry;
  cache: Cache;
  strategyOf(resource: Resource): Strategy | undefined;
  /** The objects of a kind of which nothing is stored; undefined for others. */
  made?(
    resource: Resource,
    matches: ListQuery['matches'],
  ): Promise<ReturnType<typeof listEntries>> | undefined;
  authorizer?: Pick<Authorizer, 'authorize'>;
}

/** One request for objects, as far as it is understood. */
export interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  target: Target;
  verb: Verb;
  query: URLSearchParams;
  user: User;
  /** Webhooks and policies; absent where none are configured. */
  admission?: Admission;
}

/** Serves the verbs on objects, collections and the subresources that are part of the object itself. */
export async function serveObjects(serving: Serving, call: Call): Promise<void> {
  const { deprecation, readOnly } = call.target.as ?? call.target.resource;
  if (readOnly && !['get', 'list'].includes(call.verb)) throw methodNotAllowed();
  if (deprecation) addWarning(call.response, deprecation);
  switch (call.verb) {
    case 'get':
      return get(serving, call);
    case 'list':
    case 'watch':
      return list(serving, call);
    case 'create':
      return create(serving, call);
    case 'update':
      return update(serving, call);
    case 'patch':
      return patch(serving, call);
    case 'delete':
      return remove(serving, call);
    case 'deletecollection':
      return removeAll(serving, call);
  }
}

async function get(serving: Serving, call: Call): Promise<void> {
  const { resource, name = '', namespace } = call.target;
  const made = await serving.made?.(resource, ({ object }) => object.metadata?.name === name);
  const entry = made ? made.entries[0] : serving.cache.get(resource, name, namespace);
  if (!entry) throw missing(resource, name);
  await sendEntry(serving, call, 200, entry);
}

async function list(
  { cache, strategyOf, made }: Serving,
  { request, response, target, query }: Call,
): Promise<void> {
  const { resource, as, name, namespace } = target;
  const strategy = strategyOf(resource);
  const options = parseListQuery(query, strategy, name, as?.group);
  const accepted = negotiate(request.headers.accept, !strategy?.custom);
  const renderer = await createRenderer(resource, accepted, strategy, query.get('includeObject'), as);
  const prepare = strategy?.custom?.prepare;
  if (options.watch) {
    // What there is at the beginning is sent at once.
    await prepare?.(cache.list(resource, namespace).map(({ object }) => object));
    const seen = prepare ? preparing(cache, prepare, response) : cache;
    await serveWatch(response, seen, resource, namespace, options, renderer);
    if (strategy?.custom) endWith(response, strategy.custom.ended);
    return;
  }
  const { entries, metadata } =
    (await made?.(resource, options.matches)) ?? listEntries(cache, resource, namespace, options);
  await prepare?.(entries.map(({ object }) => object));
  await renderer.prepare?.(entries);
  await sendBody(response, 200, renderer.list(entries, metadata), renderer, accepted.yaml);
}

async function create(serving: Serving, call: Call): Promise<void> {
  const { resource, as = resource, name, namespace } = call.target;
  if (name) throw methodNotAllowed();
  const custom = serving.strategyOf(as)?.custom ?? (await rulesOf(as));
  const type = typeOf(as, custom);
  const object = await readObject(call.request, type, parseFieldValidation(call.query), warner(call));
  if (as.group === 'extensions') setOldDefaults(object);
  const scope = namespace ?? (resource.namespaced ? object.metadata?.namespace || 'default' : undefined);
  const request = await writingOf(call, 'CreateOptions', custom);
  await sendEntry(serving, call, 201, await serving.registry.create(resource, object, scope, request));
}

/** Of `extensions/v1beta1`: a selector that is not said is the template's labels. Upstream: 1.15 `pkg/apis/extensions/v1beta1/defaults.go`. */
function setOldDefaults({ spec }: KubeObject & { spec?: DaemonSetSpec }): void {
  const matchLabels = spec?.template?.metadata?.labels;
  if (spec && matchLabels) spec.selector ??= { matchLabels: { ...matchLabels } };
}

async function update(serving: Serving, call: Call): Promise<void> {
  const { resource, as = resource, name = '', namespace, subresource } = call.target;
  const custom = serving.strategyOf(as)?.custom ?? (await rulesOf(as));
  const type = typeOf(as, custom);
  const object = await readObject(call.request, type, parseFieldValidation(call.query), warner(call));
  const { entry, created } = await serving.registry.update(
    resource,
    { name, ...(namespace ? { namespace } : {}) },
    // The pipeline changes what it gets, and may ask again.
    () => structuredClone(object),
    await writingOf(call, 'UpdateOptions', custom),
    { ...part(subresource), mayCreate: !subresource },
  );
  await sendEntry(serving, call, created ? 201 : 200, entry);
}

async function patch(serving: Serving, call: Call): Promise<void> {
  const { resource, as = resource, name = '', namespace, subresource } = call.target;
  const custom = serving.strategyOf(resource)?.custom ?? (await rulesOf(as));
  if (isApply(call)) {
    const { entry, created } = await applyObject(serving, call, custom, requestOf(call), part(subresource));
    return sendEntry(serving, call, created ? 201 : 200, entry);
  }
  const mutate = await readPatch(call, custom?.type ?? resource.type, custom);
  const { entry } = await serving.registry.update(
    resource,
    { name, ...(namespace ? { namespace } : {}) },
    mutate,
    await writingOf(call, 'PatchOptions', custom),
    part(subresource),
  );
  await sendEntry(serving, call, 200, entry);
}

async function remove(serving: Serving, call: Call): Promise<void> {
  const { registry } = serving;
  const { resource, name = '', namespace } = call.target;
  const options = await deleteOptions(call);
  const request = requestOf(call, options);
  const { removed, entry } = await registry.delete(
    resource,
    { name, ...(namespace ? { namespace } : {}) },
    options,
    request,
  );
  if (!removed || (!resource.stored && returnsDeleted.includes(resource.name)))
    await sendEntry(serving, call, 200, entry);
  else sendJson(call.response, 200, deleted(resource, name, entry));
}

/** Kinds whose DELETE answers the object. Upstream: `ReturnDeletedObject`. */
const returnsDeleted: readonly string[] = ['pods', 'services', 'serviceaccounts'];

async function removeAll({ registry, cache, strategyOf }: Serving, call: Call): Promise<void> {
  const { resource, as, namespace } = call.target;
  const strategy = strategyOf(resource);
  const query = parseListQuery(call.query, strategy, undefined, as?.group);
  const options = await deleteOptions(call);
  const request = requestOf(call, options);
  const { entries, metadata } = listEntries(cache, resource, namespace, query);
  const results = await Promise.allSettled(
    entries.map(({ object }) => {
      const { name = '', namespace } = object.metadata ?? {};
      return registry.delete(resource, { name, ...(namespace ? { namespace } : {}) }, options, request);
    }),
  );
  for (const result of results) {
    if (result.status === 'rejected' && !isGone(result.reason)) throw result.reason;
  }
  const accepted = { ...negotiate(call.request.headers.accept, !strategy?.custom), form: 'Object' as const };
  const renderer = await createRenderer(resource, accepted, strategy, null);
  const gone = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.entry] : []));
  await strategy?.custom?.prepare?.(gone.map(({ object }) => object));
  await sendBody(call.response, 200, renderer.list(gone, metadata), renderer, false);
}

/** Somebody else was faster: what was asked for is done. */
function isGone(error: StatusError): boolean {
  return error.reason === 'NotFound';
}

/** DeleteOptions come in the body or, one by one, in the query. */
export async function deleteOptions({
  request,
  query,
}: Pick<Call, 'request' | 'query'>): Promise<DeleteOptions> {
  const body = ((await readOptionalBody(request)) ?? {}) as DeleteOptions;
  const seconds = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  const orphan = query.get('orphanDependents');
  const options: DeleteOptions = {
    ...body,
    ...(seconds ? { gracePeriodSeconds: Number(seconds) } : {}),
    ...(policy ? { propagationPolicy: policy } : {}),
    ...(orphan ? { orphanDependents: orphan === 'true' } : {}),
  };
  const { propagationPolicy } = options;
  if (propagationPolicy && !['Orphan', 'Background', 'Foreground'].includes(propagationPolicy)) {
    const message = `Unsupported value: ${JSON.stringify(propagationPolicy)}: supported values: "Orphan", "Background", "Foreground", "nil"`;
    throw statusError('Invalid', `DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: ${message}`, {
      group: 'meta.k8s.io',
      kind: 'DeleteOptions',
      causes: [{ reason: 'FieldValueNotSupported', message, field: 'propagationPolicy' }],
    });
  }
  return options;
}

function deleted({ group, name: kind }: Resource, name: string, { object }: Entry): Status {
  const uid = object.metadata?.uid;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name, ...(group ? { group } : {}), kind, ...(uid ? { uid } : {}) },
  };
}

export async function sendEntry(serving: Serving, call: Call, code: number, entry: Entry): Promise<void> {
  const { resource, as } = call.target;
  const strategy = serving.strategyOf(resource);
  await strategy?.custom?.prepare?.([entry.object]);
  const accepted = negotiate(call.request.headers.accept, !strategy?.custom);
  const renderer = await createRenderer(resource, accepted, strategy, call.query.get('includeObject'), as);
  await sendBody(call.response, code, renderer.object(entry), renderer, accepted.yaml);
}

async function sendBody(
  response: ServerResponse,
  code: number,
  body: Buffer | Pieces,
  { mediaType }: Pick<Renderer, 'mediaType'>,
  yaml: boolean,
): Promise<void> {
  if (mediaType) response.setHeader('Content-Type', mediaType);
  const inPieces = 'pieces' in body;
  if (!yaml) return inPieces ? sendPieces(response, code, body) : sendJson(response, code, body);
  const { stringify } = await import('yaml');
  response.setHeader('Content-Type', 'application/yaml');
  const text = (inPieces ? joinPieces(body) : body).toString();
  sendJson(response, code, Buffer.from(stringify(JSON.parse(text))));
}

export function requestOf(
  { user, query, response, admission, target: { as } }: Call,
  options: DeleteOptions = {},
): Request {
  return {
    user,
    ...(admission ? { admission } : {}),
    ...(as ? { version: as.version } : {}),
    dryRun: parseDryRun([...query.getAll('dryRun'), ...(options.dryRun ?? [])]),
    warn: (message) => addWarning(response, message),
  };
}

/** The same for a write, which makes fields its manager's. */
export async function writingOf(call: Call, options: string, custom?: CustomRules): Promise<Request> {
  return { ...requestOf(call), manage: await manageFields(call, options, custom) };
}

export function warner({ response }: Pick<Call, 'response'>): (message: string) => void {
  return (message) => addWarning(response, message);
}

export function typeOf(resource: Resource, custom?: CustomRules): ExpectedType {
  const { kind, type } = resource;
  return { apiVersion: apiVersionOf(resource), kind, type, custom };
}

function endWith(response: ServerResponse, signal: AbortSignal): void {
  const end = () => {
    response.end();
  };
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  response.once('close', () => signal.removeEventListener('abort', end));
}

function part(subresource: string | undefined): Pick<UpdateOptions, 'subresource'> {
  switch (subresource) {
    case 'status':
    case 'finalize':
    case 'approval':
    case 'ephemeralcontainers':
    case 'resize':
      return { subresource };
  }
  return {};
}

export function methodNotAllowed(): StatusError {
  return statusError(
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}
