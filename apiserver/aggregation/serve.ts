import type { IncomingMessage, ServerResponse } from 'node:http';
import { statusError } from '../../api/status.ts';
import type { APIService } from '../../api/types.ts';
import type { User } from '../auth/user.ts';
import { proxyRequest } from '../http/proxy.ts';
import type { Lookup } from '../registry/strategy.ts';
import { backendOf, isAvailable, type ProxyClientTls } from './services.ts';

/**
 * Passes a request on to the server that an APIService names, and tells it who asks. Upstream:
 * `kube-aggregator/pkg/apiserver/handler_proxy.go`.
 *
 * @throws StatusError ServiceUnavailable where it is not there
 */
export async function serveAggregated(
  { request, response, user }: { request: IncomingMessage; response: ServerResponse; user: User },
  service: APIService,
  lookup: Lookup,
  tls: ProxyClientTls | undefined,
): Promise<void> {
  if (!isAvailable(service)) throw statusError('ServiceUnavailable', 'service unavailable', {});
  const backend = backendOf(service, lookup, tls);
  // What a client says of itself in these is not believed, so it is not passed on.
  for (const name of Object.keys(request.headers))
    if (name.startsWith('x-remote-')) delete request.headers[name];
  Object.assign(request.headers, identityOf(user), { host: backend.servername });
  await proxyRequest({ request, response }, backend, request.url ?? '/');
}

/** Upstream: `SetAuthProxyHeaders`. Keys of extra values are percent-encoded, as headers know no letters else. */
function identityOf({ name, groups, uid, extra = {} }: User): NodeJS.Dict<string | string[]> {
  return {
    'x-remote-user': name,
    'x-remote-group': [...groups],
    ...(uid ? { 'x-remote-uid': uid } : {}),
    ...Object.fromEntries(
      Object.entries(extra).map(([key, values]) => [
        `x-remote-extra-${encodeURIComponent(key).toLowerCase()}`,
        [...values],
      ]),
    ),
  };
}
