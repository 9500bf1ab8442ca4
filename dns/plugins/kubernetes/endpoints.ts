import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../../api/client.ts';
import { type Resource, resources } from '../../../api/scheme.ts';
import { hasReason } from '../../../api/status.ts';
import type { EndpointSlice, Endpoints } from '../../../api/types.ts';

/** One namespace, or all. */
interface Scope {
  namespace?: string;
}

/** How to begin to follow one or the other; resolves with the first list. */
export interface Sources {
  slices(signal: AbortSignal, onError: (error: unknown) => void): Promise<void>;
  endpoints(): Promise<void>;
  /** Told once, when it is settled that there are no slices for us, with the API's own reason. */
  onInstead(reason: string): void;
}

/** Milliseconds between two looks while neither may be read: a role may come after the pod that needs it. */
const patience = 500;

/**
 * Follows EndpointSlices; or Endpoints, as CoreDNS did until 1.7, where the API refuses those, because it is older or
 * because the ClusterRole is, and gives Endpoints. Resolves with the first list.
 */
export async function followEndpoints(
  client: Client,
  scope: Scope,
  signal: AbortSignal,
  sources: Sources,
): Promise<void> {
  const ended = new AbortController();
  const refused = Promise.withResolvers<string>();
  const slices = sources.slices(AbortSignal.any([signal, ended.signal]), (error) => {
    if (isRefusal(error)) refused.resolve(error.message);
  });
  const first = await Promise.race([slices.then(() => undefined), refused.promise]);
  if (first === undefined || !(await onlyEndpoints(client, scope, signal))) return slices;
  ended.abort();
  sources.onInstead(first);
  return sources.endpoints();
}

/** Today's ClusterRole has both: whoever may read Endpoints and no slices even then has an older one. */
async function onlyEndpoints(client: Client, scope: Scope, signal: AbortSignal): Promise<boolean> {
  const look = (resource: Resource) => isGiven(client, resource, scope);
  while (!signal.aborted) {
    const hasEndpoints = (await look(resources.endpoints)) === 'given';
    const slices = await look(resources.endpointslices);
    if (slices === 'given') return false;
    if (hasEndpoints && slices === 'refused') return true;
    await delay(patience);
  }
  return false;
}

async function isGiven(
  client: Client,
  resource: Resource,
  scope: Scope,
): Promise<'given' | 'refused' | 'unknown'> {
  try {
    await client.list(resource, { ...scope, limit: 1 });
    return 'given';
  } catch (error) {
    return isRefusal(error) ? 'refused' : 'unknown'; // without the API informers complain, too
  }
}

/** No right to it, or no such resource. */
const isRefusal = (error: unknown): error is Error =>
  hasReason(error, 'Forbidden') || hasReason(error, 'NotFound');

/** What EndpointSlices would say of the same Service: one for each subset, named `NAME/0` and so on. */
export function slicesOfEndpoints({ metadata, subsets }: Endpoints): EndpointSlice[] {
  const { name = '', namespace = '' } = metadata ?? {};
  return (subsets ?? []).map(({ addresses, ports }, index) => ({
    kind: 'EndpointSlice',
    metadata: {
      name: partName(name, index),
      namespace,
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: 'IPv4',
    endpoints: (addresses ?? []).map(({ ip, hostname, targetRef }) => ({
      addresses: [ip],
      ...(hostname ? { hostname } : {}),
      ...(targetRef ? { targetRef } : {}),
    })),
    ports: (ports ?? []).map(({ name: portName = '', protocol = 'TCP', port }) => ({
      name: portName,
      protocol,
      port,
    })),
  }));
}

/** What is to be put and what to be deleted when Endpoints change; `gone` says that they are deleted. */
export type EndpointsParts = (
  endpoints: Endpoints,
  gone: boolean,
) => { put: EndpointSlice[]; deleted: EndpointSlice[] };

/** Remembers how many subsets each Endpoints had. */
export function createEndpointsParts(): EndpointsParts {
  const counts = new Map<string, number>();
  return (endpoints, gone) => {
    const { name = '', namespace = '' } = endpoints.metadata ?? {};
    const key = `${namespace}/${name}`;
    const put = gone ? [] : slicesOfEndpoints(endpoints);
    const surplus = Math.max(0, (counts.get(key) ?? 0) - put.length);
    const deleted = Array.from(
      { length: surplus },
      (_, index): EndpointSlice => ({
        kind: 'EndpointSlice',
        metadata: { name: partName(name, put.length + index), namespace },
        addressType: 'IPv4',
        endpoints: [],
      }),
    );
    if (gone) counts.delete(key);
    else counts.set(key, put.length);
    return { put, deleted };
  };
}

const partName = (name: string, index: number) => `${name}/${index}`;
