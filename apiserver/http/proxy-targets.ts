import { isIPv4, isIPv6 } from 'node:net';
import { resources } from '../../api/scheme.ts';
import { type StatusError, statusError } from '../../api/status.ts';
import { missing } from '../registry/pipeline/failures.ts';
import type { Lookup } from '../registry/strategy.ts';
import type { Backend } from './backend.ts';
import type { Kubelets } from './kubelet.ts';
import type { Call, Serving } from './objects.ts';
import { proxyRequest } from './proxy.ts';

/**
 * `proxy` of a pod, Service or node: any request, led to where `[SCHEME:]NAME[:PORT]` points. Upstream:
 * ResourceLocation of `pkg/registry/core/{pod,service,node}`.
 *
 * @throws StatusError in upstream's words when that leads nowhere
 */
export async function serveProxy(
  { cache }: Pick<Serving, 'cache'>,
  kubelets: Kubelets,
  call: Call,
): Promise<void> {
  const { request, response, target } = call;
  const backend = backendOf(cache.lookup, kubelets, call);
  const url = request.url ?? '/';
  const [, prefix = '', path = '', query = ''] =
    /^((?:\/api\/v1\/(?:namespaces\/[^/]+\/)?)[^/]+\/[^/]+\/proxy)(\/[^?]*)?(\?.*)?$/.exec(url) ?? [];
  if (path === '' && target.resource.name !== 'nodes') {
    // Relative links of the page would miss the last part.
    response.statusCode = 301;
    response.setHeader('Location', `${prefix}/${query}`);
    response.end();
    return;
  }
  await proxyRequest(call, backend, `${path || '/'}${query}`, { prefix });
}

function backendOf(lookup: Lookup, kubelets: Kubelets, { target }: Call): Backend {
  const { resource, name: text = '', namespace = '' } = target;
  const { scheme, name, port } = split(text) ?? {};
  if (name === undefined)
    throw statusError('BadRequest', `invalid ${resource.singular} request ${JSON.stringify(text)}`, {});
  const at = { scheme: scheme ?? 'http', name, port: port ?? '' };
  if (resource.name === 'pods') return podBackend(lookup, namespace, at);
  if (resource.name === 'services') return serviceBackend(lookup, namespace, at);
  const kubelet = kubelets(name);
  if (!port || Number(port) === kubelet.port) return kubelet;
  return { scheme: at.scheme, host: kubelet.host, port: Number(port) };
}

interface At {
  scheme: 'http' | 'https';
  name: string;
  /** A number, or of a Service the name of a port. */
  port: string;
}

/** Upstream: `apimachinery/pkg/util/net` (SplitSchemeNamePort). */
function split(text: string): { scheme?: At['scheme']; name: string; port?: string } | undefined {
  const parts = text.split(':');
  if (parts.length > 3) return undefined;
  if (parts.length < 3)
    return parts[0] ? { name: parts[0], ...(parts[1] ? { port: parts[1] } : {}) } : undefined;
  const [scheme, name, port] = parts;
  if ((scheme !== '' && scheme !== 'http' && scheme !== 'https') || !name) return undefined;
  return { ...(scheme ? { scheme } : {}), name, ...(port ? { port } : {}) };
}

function podBackend(lookup: Lookup, namespace: string, { scheme, name, port }: At): Backend {
  const pod = lookup.get(resources.pods, name, namespace);
  if (!pod) throw missing(resources.pods, name);
  const first = (pod.spec?.containers ?? []).flatMap(({ ports = [] }) => ports)[0]?.containerPort;
  const host = pod.status?.podIP ?? '';
  checkAddress(host);
  return { scheme, host, port: Number(port) || first || (scheme === 'https' ? 443 : 80) };
}

function serviceBackend(lookup: Lookup, namespace: string, { scheme, name, port }: At): Backend {
  let wanted = port;
  const service = lookup.get(resources.services, name, namespace);
  if (/^\d+$/.test(port)) {
    if (!service) throw missing(resources.services, name);
    const found = service.spec?.ports?.find((one) => one.port === Number(port));
    if (!found) throw unavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
    wanted = found.name ?? '';
  }
  const endpoints = lookup.get(resources.endpoints, name, namespace);
  if (!endpoints) throw missing(resources.endpoints, name);
  const choices = (endpoints.subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
    ports
      .filter((one) => (one.name ?? '') === wanted)
      .flatMap((one) => addresses.map(({ ip }) => ({ host: ip, port: one.port }))),
  );
  const chosen = choices[Math.floor(Math.random() * choices.length)];
  if (!chosen) throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  return { scheme, ...chosen };
}

const unavailable = (message: string): StatusError => statusError('ServiceUnavailable', message, {});

/** A pod's address is a pod's own word. Upstream: `pkg/proxy/util` (IsProxyableIP). */
function checkAddress(ip: string): void {
  if (!isIPv4(ip) && !isIPv6(ip)) throw statusError('BadRequest', 'address not allowed', {});
  if (/^(127\.|169\.254\.|22[4-9]\.|23\d\.|0\.)|^(::1?$|fe[89ab]|ff)/i.test(ip))
    throw statusError('BadRequest', 'address not allowed', {});
}
