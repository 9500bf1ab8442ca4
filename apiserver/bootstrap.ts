import { addressAt, parseCidr } from '../api/address.ts';
import type { KubeObject } from '../api/object.ts';
import { type Resource, resourceOf, resources } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { EndpointSlice, Endpoints, Namespace, Service, ServiceCIDR } from '../api/types.ts';
import { loopback } from './auth/user.ts';
import type { Registry, Request } from './registry/registry.ts';
import type { Lookup } from './registry/strategy.ts';

export interface BootstrapOptions {
  advertise: { host: string; port: number };
  serviceCidrs: readonly string[];
  /** What a new cluster starts with, written at its first start only, all at once. */
  initialObjects?: readonly KubeObject[];
}

const request: Request = { user: loopback, dryRun: false, warn: () => undefined };

/**
 * What every cluster has before anybody asks: the system namespaces and the `kubernetes` Service with its
 * endpoints. Harmless to repeat: what is as it should be is not written. Upstream: `pkg/controlplane`
 * `controller/systemnamespaces`, `controller/kubernetesservice`, `controller/defaultservicecidr`.
 */
export async function bootstrap(
  registry: Registry,
  lookup: Lookup,
  options: BootstrapOptions,
): Promise<void> {
  const { advertise, serviceCidrs, initialObjects = [] } = options;
  await Promise.all([
    ...['default', 'kube-system', 'kube-public', 'kube-node-lease'].map((name) =>
      ensure<Namespace>(registry, resources.namespaces, { metadata: { name } }),
    ),
    ensure<ServiceCIDR>(registry, resources.servicecidrs, {
      metadata: { name: 'kubernetes' },
      spec: { cidrs: [...serviceCidrs] },
    }),
  ]);
  // The Service comes last, so that a first start that was cut short is still one.
  const isNew = !lookup.get(resources.services, 'kubernetes', 'default');
  await Promise.all(
    isNew ? initialObjects.map((object) => ensure(registry, resourceFor(object), object)) : [],
  );
  const family = advertise.host.includes(':') ? 'IPv6' : 'IPv4';
  const range = parseCidr(serviceCidrs[0] ?? '');
  const clusterIP = addressAt(range, 1);
  const meta = { name: 'kubernetes', namespace: 'default' };
  await Promise.all([
    ensure<Service>(registry, resources.services, {
      metadata: { ...meta, labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: {
        type: 'ClusterIP',
        clusterIP,
        clusterIPs: [clusterIP],
        ipFamilies: [range.family],
        ipFamilyPolicy: 'SingleStack',
        sessionAffinity: 'None',
        ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: advertise.port }],
      },
    }),
    put<Endpoints>(registry, resources.endpoints, {
      metadata: { ...meta, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: [
        {
          addresses: [{ ip: advertise.host }],
          ports: [{ name: 'https', port: advertise.port, protocol: 'TCP' }],
        },
      ],
    }),
    put<EndpointSlice>(registry, resources.endpointslices, {
      metadata: { ...meta, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: family,
      endpoints: [{ addresses: [advertise.host], conditions: { ready: true } }],
      ports: [{ name: 'https', port: advertise.port, protocol: 'TCP' }],
    }),
  ]);
}

function resourceFor(object: KubeObject): Resource {
  const { apiVersion = '', kind = '' } = object;
  const resource = resourceOf(apiVersion, kind);
  if (!resource) throw new Error(`initial object of unknown kind: ${apiVersion} ${kind}`);
  return resource;
}

async function ensure<T extends KubeObject>(
  registry: Registry,
  resource: Resource<T>,
  object: T,
): Promise<void> {
  const namespace = object.metadata?.namespace;
  try {
    await registry.create(resource, object, namespace, request);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
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
