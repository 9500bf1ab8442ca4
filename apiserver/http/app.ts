import type { IncomingMessage, ServerResponse } from 'node:http';
import express, { type Express, type NextFunction } from 'express';
import { type StatusError, statusError } from '../../api/status.ts';
import type { Aggregator } from '../aggregation/aggregator.ts';
import type { CustomKinds } from '../apiextensions/kinds.ts';
import type { Audit, AuditTrail } from '../audit/audit.ts';
import { type Attributes, attributesOf } from '../auth/attributes.ts';
import { type Authorizer, forbidden } from '../auth/authorize.ts';
import { actingUser } from '../auth/impersonate.ts';
import type { User } from '../auth/user.ts';
import type { RequestMetrics } from '../metrics/requests.ts';
import { allResources } from '../registry/kinds/rows.ts';
import type { Admission } from '../registry/registry.ts';
import { metricsPath, withMetrics } from '../resource-metrics/rows.ts';
import { loadEncoder } from './answer.ts';
import { coreVersions, groupDocument, groupList, resourceList } from './discovery.ts';
import { serveHealth } from './health.ts';
import { type Call, methodNotAllowed, serveObjects } from './objects.ts';
import { sendFailure, sendJson } from './respond.ts';
import { serveReview } from './reviews.ts';
import { serveRoot } from './serve-discovery.ts';
import type { SnapshotAccess } from './snapshot.ts';
import { bind, type SubresourceOptions, serveSubresource } from './subresources.ts';
import { parseTarget, requestUrl, unknownPath, verbOf } from './target.ts';
import { version } from './version.ts';

export interface AppOptions extends SubresourceOptions {
  /** `trusted` is true for the Unix socket. @throws StatusError Unauthorized */
  authenticate(request: IncomingMessage, trusted: boolean): User;
  authorizer: Authorizer;
  /** Whether the storage took the last write. */
  storageHealthy(): boolean;
  snapshot: SnapshotAccess;
  customKinds: CustomKinds;
  /** Who is to be asked about a request; undefined where nobody is. */
  admission?(call: Call): Promise<Admission> | undefined;
  metrics: RequestMetrics;
  /** Absent where nothing is audited. */
  audit?: Audit;
  /** Whether what nodes and pods use can be asked of kubelets, and is served. */
  resourceMetrics: boolean;
  /** The group versions of other servers. */
  aggregator: Aggregator;
  /** Of service accounts' tokens; the key is PEM. */
  issuing: { issuer: string; publicKey: string };
  /** HOST:PORT for clients outside the cluster's own networks, part of the `/api` document. */
  address: string;
  /** Told of failures that are the server's own fault. */
  report(error: unknown): void;
}

/** The user of each request, from the moment it is authenticated. */
const users = new WeakMap<IncomingMessage, User>();

/** Of requests that are audited. */
const trails = new WeakMap<IncomingMessage, AuditTrail>();

/** Says something of a request in the audit log, where it is in there. */
export function annotateAudit(request: IncomingMessage, key: string, value: string): void {
  trails.get(request)?.annotate(key, value);
}

/** Who is nobody is audited, too. */
function authenticated(
  { authenticate, audit }: AppOptions,
  request: IncomingMessage,
  response: ServerResponse,
  trusted: boolean,
  attributes: Attributes,
): User {
  try {
    return authenticate(request, trusted);
  } catch (error) {
    audit?.begin(request, response, undefined, attributes);
    throw error;
  }
}

/**
 * Every path the apiserver answers, in order: who is it, may they, then health, discovery, OpenAPI,
 * reviews and objects.
 */
export function createApp(options: AppOptions, trusted: boolean): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('case sensitive routing', true);

  app.use((request, response, next) => {
    response.setHeader('Cache-Control', 'no-cache, private');
    checkEncoding(request.path);
    const { authorize } = options.authorizer;
    const attributes = attributesOf(request.method ?? '', request.url);
    const by = authenticated(options, request, response, trusted, attributes);
    const trail = options.audit?.begin(request, response, by, attributes);
    if (trail) trails.set(request, trail);
    const user = actingUser(request, by, authorize);
    trail?.impersonates(user);
    users.set(request, user);
    if (!options.metrics.begin(request, response, attributes, user)) throw tooMany();
    const { allowed, reason } = authorize(user, attributes);
    trail?.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
    trail?.annotate('authorization.k8s.io/reason', reason);
    if (!allowed) throw forbidden(user, attributes, reason);
    options.restriction.request(user, attributes);
    const loading = loadEncoder(request);
    if (loading) loading.then(() => next(), next);
    else next();
  });

  app.get(
    ['/healthz', '/livez', '/readyz', '/healthz/*check', '/livez/*check', '/readyz/*check'],
    (request, response, next) => {
      if (!serveHealth(requestUrl(request), response, options.storageHealthy)) next();
    },
  );
  app.get('/metrics', async (_, response) => {
    const { exposition, metricsText } = await import('../metrics/text.ts');
    response.setHeader('Content-Type', exposition);
    const resources = [
      ...allResources,
      ...served().filter(({ stored, ...row }) => stored?.version === row.version),
    ];
    response.end(metricsText(options.metrics, options.cache, resources));
  });
  const served = () => options.customKinds.served();
  const discovered = () => (options.resourceMetrics ? withMetrics(served()) : served());
  app.get('/version', (_, response) => sendJson(response, 200, version));
  app.get('/api', (request, response) =>
    serveRoot('api', request, response, coreVersions(options.address), []),
  );
  app.get(['/.well-known/openid-configuration', '/openid/v1/jwks'], async (request, response, next) => {
    const { serveOidc } = await import('../auth/oidc.ts');
    if (!serveOidc(request.path, response, { ...options.issuing, address: options.address })) next();
  });
  app.use(async (request, response, next) => {
    const { aggregator, cache } = options;
    const [root, group, version] = request.path.split('/').filter(Boolean);
    if (root !== 'apis' || !aggregator.services().length) return next();
    if (version === undefined) {
      const { serveWithOthers } = await import('./serve-discovery.ts');
      return serveWithOthers(request, response, group, discovered(), aggregator, cache.lookup);
    }
    const service = aggregator.find(group ?? '', version);
    if (!service) return next();
    const { serveAggregated } = await import('../aggregation/serve.ts');
    const user = userOf(request);
    await serveAggregated({ request, response, user }, service, cache.lookup, aggregator.tls);
  });
  app.get('/apis', (request, response) =>
    serveRoot('apis', request, response, groupList(discovered()), discovered()),
  );
  app.get('/apis/:group', (request, response) => {
    found(response, groupDocument(request.params.group, discovered()));
  });
  app.get('/api/:version', (request, response) => found(response, resourceList('', request.params.version)));
  app.get('/apis/:group/:version', (request, response) => {
    found(response, resourceList(request.params.group, request.params.version, discovered()));
  });
  app.get(['/openapi/v2', '/openapi/v3', '/openapi/v3/*path'], async (request, response) => {
    const { serveOpenApi } = await import('./openapi.ts');
    await serveOpenApi(request.path, request, response, options.customKinds);
  });
  if (options.resourceMetrics) {
    app.all(`${metricsPath}*path`, async (request, response) => {
      const { serveResourceMetrics } = await import('../resource-metrics/serve.ts');
      const { cache, kubelets } = options;
      await serveResourceMetrics(request, response, { lookup: cache.lookup, kubelets });
    });
  }
  app.all('/snapshot', async (request, response) => {
    const { serveSnapshot } = await import('./snapshot.ts');
    await serveSnapshot(request, response, options.snapshot);
  });
  app.use(async (request, response) => {
    const user = userOf(request);
    if (await serveReview(request, response, request.path, user, options)) return;
    await serveApi(options, request, response, user);
  });
  app.use((error: unknown, _request: IncomingMessage, response: ServerResponse, _next: NextFunction) => {
    sendFailure(response, error, options.report);
  });
  return app;
}

async function serveApi(
  options: AppOptions,
  request: IncomingMessage,
  response: ServerResponse,
  user: User,
): Promise<void> {
  const { pathname, searchParams: query } = requestUrl(request);
  const bindings = /^\/api\/v1\/namespaces\/([^/]+)\/bindings$/.exec(pathname);
  const { customKinds } = options;
  if (customKinds.settled) await customKinds.settled;
  const path = bindings ? `/api/v1/namespaces/${bindings[1]}/pods` : pathname;
  const target = parseTarget(path, customKinds.find);
  if (!target) throw unknownPath();
  const verb = verbOf(request.method ?? '', target, isWatch(query));
  if (!verb) throw methodNotAllowed();
  const call: Call = { request, response, target, verb, query, user };
  const admission = options.admission?.(call);
  if (admission) call.admission = await admission;
  if (!takesLess(call)) await options.cache.fresh();
  if (bindings) return bind(options, call);
  if (target.subresource) return serveSubresource(options, call);
  const needsName = verb === 'update' || verb === 'patch';
  if (needsName && !target.name) throw methodNotAllowed();
  return serveObjects(options, call);
}

/**
 * What anybody was told shall be seen by everybody. Only who asks for version 0 is content with what is known here,
 * and who goes on with a watch will be told the rest.
 */
function takesLess({ verb, query }: Call): boolean {
  const version = query.get('resourceVersion');
  return version === '0' || (verb === 'watch' && Boolean(version) && !query.get('sendInitialEvents'));
}

function checkEncoding(path: string): void {
  try {
    decodeURIComponent(path);
  } catch {
    // The only thing that can be wrong; what the exception says adds nothing.
    throw statusError('BadRequest', `the path ${JSON.stringify(path)} is not percent-encoded UTF-8`);
  }
}

function userOf(request: IncomingMessage): User {
  const user = users.get(request);
  if (!user) throw new Error('the request was not authenticated');
  return user;
}

function isWatch(query: URLSearchParams): boolean {
  const watch = query.get('watch');
  return watch !== null && watch !== 'false' && watch !== '0';
}

/** Upstream: `apiserver/pkg/server/filters/maxinflight.go`. */
function tooMany(): StatusError {
  const message = 'Too many requests, please try again later.';
  return statusError('TooManyRequests', message, { retryAfterSeconds: 1 });
}

function found(response: ServerResponse, document: object | undefined): void {
  if (!document) throw unknownPath();
  sendJson(response, 200, document);
}
