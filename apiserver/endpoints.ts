import type { KubeObject } from '../api/object.ts';
import { type Resource, resources } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { EndpointSlice, Endpoints } from '../api/types.ts';
import { loopback } from './auth/user.ts';
import type { Registry, Request } from './registry/registry.ts';

const request: Request = { user: loopback, dryRun: false, warn: () => undefined };
const meta = { name: 'kubernetes', namespace: 'default' };

/**
 * Where the Service `kubernetes` leads: to these apiservers, all at the same port. What says so already is not
 * written. Upstream: `pkg/controlplane/reconcilers/endpointsadapter.go`.
 */
export async function putEndpoints(
  registry: Registry,
  hosts: readonly string[],
  port: number,
): Promise<void> {
  const ports = [{ name: 'https', port, protocol: 'TCP' }];
  await Promise.all([
    put<Endpoints>(registry, resources.endpoints, {
      metadata: { ...meta, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: hosts.length > 0 ? [{ addresses: hosts.map((ip) => ({ ip })), ports }] : [],
    }),
    put<EndpointSlice>(registry, resources.endpointslices, {
      metadata: { ...meta, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: hosts[0]?.includes(':') ? 'IPv6' : 'IPv4',
      endpoints: hosts.map((host) => ({ addresses: [host], conditions: { ready: true } })),
      ports,
    }),
  ]);
}

/** Creates, or makes the present one say the same: the address may be another than at the last start. */
async function put<T extends KubeObject>(
  registry: Registry,
  resource: Resource<T>,
  object: T,
): Promise<void> {
  const { name = '', namespace = '' } = object.metadata ?? {};
  try {
    await registry.create(resource, structuredClone(object), namespace, request);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    const merge = (current: KubeObject | undefined): KubeObject => ({
      ...structuredClone(object),
      metadata: { ...structuredClone(current?.metadata), ...structuredClone(object.metadata) },
    });
    await registry.update(resource, { name, namespace }, merge, request);
  }
}
