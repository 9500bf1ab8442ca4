import { addressAt, parseCidr } from '../api/address.ts';
import type { KubeObject } from '../api/object.ts';
import { type Resource, resources } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { ConfigMap, Namespace, Service, ServiceCIDR } from '../api/types.ts';
import { type DefaultObject, defaultPolicy } from './auth/rbac/policy/policy.ts';
import { createMissing } from './auth/rbac/reconcile.ts';
import { loopback } from './auth/user.ts';
import { putEndpoints } from './endpoints.ts';
import { localServices } from './registry/kinds/admission/local-services.ts';
import { resourceOf } from './registry/kinds/rows.ts';
import { systemPriorityClasses } from './registry/kinds/scheduling/priority-class.ts';
import type { Registry, Request } from './registry/registry.ts';
import type { Lookup } from './registry/strategy.ts';

export interface BootstrapOptions {
  advertise: { host: string; port: number };
  /** Where several apiservers serve, who they are is found out later. Default false. */
  severalServe?: boolean;
  serviceCidrs: readonly string[];
  /** `clientCa`, PEM: who signs certificates of clients is published for other servers that ask this one who somebody is. */
  tls: { clientCa: string };
  /** `ca`, PEM: who shows a certificate of it as `front-proxy-client` says who somebody is. */
  proxyClient?: { ca: string };
  /** What a new cluster starts with, written at its first start only, all at once. */
  initialObjects?: readonly KubeObject[];
  /** Roles and bindings beside Kubernetes' own, written when they are not there. */
  roles?: readonly KubeObject[];
}

const request: Request = { user: loopback, dryRun: false, warn: () => undefined };

/**
 * What every cluster has before anybody asks: the system namespaces, PriorityClasses, roles and bindings, and the `kubernetes` Service
 * with its endpoints. Harmless to repeat: what is as it should be is not written. Upstream: `pkg/controlplane`
 * `controller/systemnamespaces`, `controller/kubernetesservice`, `controller/defaultservicecidr`.
 *
 * @returns roles and bindings that were there before, and may have lost something since
 */
export async function bootstrap(
  registry: Registry,
  lookup: Lookup,
  options: BootstrapOptions,
): Promise<DefaultObject[]> {
  const { advertise, severalServe = false, serviceCidrs, tls, initialObjects = [], roles = [] } = options;
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
  const own = roles.map((object) => ({ resource: resourceFor(object), object }));
  const [present] = await Promise.all([
    createMissing(registry, lookup, defaultPolicy()),
    publishAuthentication(registry, lookup, authenticationOf(tls.clientCa, options.proxyClient?.ca)),
    createMissing(registry, lookup, own),
    createMissing(registry, lookup, [
      ...systemPriorityClasses.map((one) => ({
        resource: resources.priorityclasses,
        object: structuredClone(one),
      })),
      ...localServices().map((object) => ({ resource: resources.apiservices, object })),
    ]),
    ...(isNew ? initialObjects.map((object) => ensure(registry, resourceFor(object), object)) : []),
  ]);
  const range = parseCidr(serviceCidrs[0] ?? '');
  const clusterIP = addressAt(range, 1);
  await Promise.all([
    ensure<Service>(registry, resources.services, {
      metadata: {
        name: 'kubernetes',
        namespace: 'default',
        labels: { component: 'apiserver', provider: 'kubernetes' },
      },
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
    severalServe ? undefined : putEndpoints(registry, [advertise.host], advertise.port),
  ]);
  return present;
}

/** Upstream: `pkg/controlplane/controller/clusterauthenticationtrust`. */
async function publishAuthentication(
  registry: Registry,
  lookup: Lookup,
  wantedData: Readonly<Record<string, string>>,
): Promise<void> {
  const [name, namespace] = ['extension-apiserver-authentication', 'kube-system'];
  const held = lookup.get(resources.configmaps, name, namespace);
  if (held && Object.entries(wantedData).every(([key, text]) => held.data?.[key] === text)) return;
  const data = { ...held?.data, ...wantedData };
  const wanted: ConfigMap = { metadata: { name, namespace }, data };
  if (!held) return ensure(registry, resources.configmaps, wanted);
  await registry.update(resources.configmaps, { name, namespace }, () => wanted, request);
}

/** What other servers need to believe this one: the flags that a kube-apiserver is given, the `--requestheader-…` as JSON. */
function authenticationOf(clientCa: string, proxyCa: string | undefined): Record<string, string> {
  if (proxyCa === undefined) return { 'client-ca-file': clientCa };
  return {
    'client-ca-file': clientCa,
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-client-ca-file': proxyCa,
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  };
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
