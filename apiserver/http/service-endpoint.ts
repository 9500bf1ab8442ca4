import { resources } from '../../api/scheme.ts';
import { statusError } from '../../api/status.ts';
import { missing } from '../registry/pipeline/failures.ts';
import type { Lookup } from '../registry/strategy.ts';

/**
 * Where one of those is who stand behind a port of a Service: the apiserver goes there itself, so that it needs no
 * dataplane. Upstream: `apiserver/pkg/util/proxy` (ResolveEndpoint).
 *
 * @param port a number; of the Service
 * @throws StatusError when nobody is there
 */
export function serviceEndpoint(
  lookup: Lookup,
  namespace: string,
  name: string,
  port: number,
): { host: string; port: number } {
  const service = lookup.get(resources.services, name, namespace);
  const quoted = JSON.stringify(name);
  if (!service) throw statusError('NotFound', `service ${quoted} not found`, {});
  const { type, externalName, ports = [] } = service.spec ?? {};
  if (type === 'ExternalName') return { host: externalName ?? '', port };
  const found = ports.find((one) => one.port === port);
  if (!found)
    throw statusError('ServiceUnavailable', `no service port ${port} found for service ${quoted}`, {});
  const endpoints = lookup.get(resources.endpoints, name, namespace);
  if (!endpoints) throw missing(resources.endpoints, name);
  const choices = (endpoints.subsets ?? []).flatMap(({ addresses = [], ports: open = [] }) =>
    open
      .filter((one) => (one.name ?? '') === (found.name ?? ''))
      .flatMap((one) => addresses.map(({ ip }) => ({ host: ip, port: one.port }))),
  );
  const chosen = choices[Math.floor(Math.random() * choices.length)];
  if (!chosen) throw statusError('ServiceUnavailable', `no endpoints available for service ${quoted}`, {});
  return chosen;
}
