import type { Client } from '../../api/client.ts';
import { type KubeObject, keyOf } from '../../api/object.ts';
import { type Resource, resources } from '../../api/scheme.ts';
import { StatusError } from '../../api/status.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { node } from '../../dataplane/testing/objects.ts';
import { between, endpointPlace, type Round } from './objects.ts';

/** Brings an API server from one round to the next. */
export interface RoundWriter {
  /** Writes what differs from the round before; resolves to what the API now holds, and to what rules show that know it all. */
  write(round: Round): Promise<Written>;
}

export interface Written {
  /** As the API has defaulted them. */
  readonly objects: readonly KubeObject[];
  /** A virtual port and an endpoint that no earlier round had: both watches were read up to the end once these are in rules. */
  readonly mark: { readonly port: number; readonly endpoint: string };
}

/** The node that both proxies are on. */
export const nodeName = 'worker';
export const nodeObject = node(
  nodeName,
  ['172.18.0.3', 'fd00:172::3'],
  { 'topology.kubernetes.io/zone': 'a', 'kubernetes.io/hostname': nodeName },
  ['10.244.1.0/24', 'fd00:244:1::/64'],
);

/** Makes the namespaces and the node. */
export async function createRoundWriter(client: Client): Promise<RoundWriter> {
  for (const name of ['ns0', 'ns1', 'ns2', 'mark'])
    await client.create(resources.namespaces, { metadata: { name } });
  await client.create(resources.nodes, nodeObject);
  await client.update(
    resources.nodes,
    { ...nodeObject, metadata: { name: nodeName, labels: nodeObject.metadata?.labels ?? {} } },
    'status',
  );
  let services: readonly Service[] = [];
  let slices: readonly EndpointSlice[] = [];
  let number = 0;
  return {
    async write(round) {
      number++;
      const changes = { services: between(services, round.services), slices: between(slices, round.slices) };
      for (const object of changes.services.gone) await remove(client, resources.services, object);
      // What is to change hands must have been let go: all that cannot change in place goes first.
      const again: Service[] = [];
      for (const object of changes.services.changed)
        if (!(await replaced(client, object))) again.push(object);
      for (const object of again) await createService(client, object);
      for (const object of changes.slices.gone) await remove(client, resources.endpointslices, object);
      for (const object of changes.slices.changed) {
        const before = slices.find((one) => keyOf(one) === keyOf(object));
        // The family of a slice stays what it is.
        if (before && before.addressType !== object.addressType)
          await remove(client, resources.endpointslices, object);
        await put(client, resources.endpointslices, object);
      }
      ({ services, slices } = round);
      await put(client, resources.services, markService(number));
      await put(client, resources.endpointslices, markSlice('IPv4', number));
      await put(client, resources.endpointslices, markSlice('IPv6', number));
      const all = await Promise.all([
        client.list(resources.nodes),
        client.list(resources.services),
        client.list(resources.endpointslices),
      ]);
      const kinds = ['Node', 'Service', 'EndpointSlice'];
      const objects = all.flatMap(({ items }, i) => items.map((item) => ({ kind: kinds[i] ?? '', ...item })));
      return { objects, mark: { port: 20_000 + number, endpoint: `:${10_000 + number}` } };
    },
  };
}

/** False where it could not be changed in place, and is gone now. */
async function replaced(client: Client, service: Service): Promise<boolean> {
  const ref = refOf(service);
  const have = await client.get(resources.services, ref).catch(unlessMissing);
  if (!have) return false;
  try {
    const { resourceVersion } = have.metadata ?? {};
    const made = await client.update(resources.services, {
      ...service,
      metadata: { ...service.metadata, ...(resourceVersion ? { resourceVersion } : {}) },
    });
    await client.update(resources.services, { ...made, status: service.status ?? {} }, 'status');
    return true;
  } catch (error) {
    if (!(error instanceof StatusError) || error.code !== 422) throw error;
    await client.delete(resources.services, ref);
    return false;
  }
}

async function createService(client: Client, service: Service): Promise<void> {
  const made = await client.create(resources.services, service);
  if (service.status?.loadBalancer?.ingress?.length)
    await client.update(resources.services, { ...made, status: service.status }, 'status');
}

async function put<T extends KubeObject>(client: Client, resource: Resource<T>, object: T): Promise<void> {
  const have = await client.get(resource, refOf(object)).catch(unlessMissing);
  if (!have) await client.create(resource, object);
  else {
    const { resourceVersion = '' } = have.metadata ?? {};
    await client.update(resource, { ...object, metadata: { ...object.metadata, resourceVersion } });
  }
}

const remove = (client: Client, resource: Resource, object: KubeObject) =>
  client.delete(resource, refOf(object));

const refOf = ({ metadata: { namespace = '', name = '' } = {} }: KubeObject) => ({ namespace, name });

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof StatusError) || error.code !== 404) throw error;
}

const markService = (number: number): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'mark', name: 'mark' },
  spec: {
    clusterIP: '10.96.255.1',
    clusterIPs: ['10.96.255.1', 'fd00:96::ff01'],
    ipFamilies: ['IPv4', 'IPv6'],
    ipFamilyPolicy: 'RequireDualStack',
    ports: [{ name: 'mark', port: 20_000 + number, protocol: 'TCP' }],
  },
});

const markSlice = (family: 'IPv4' | 'IPv6', number: number): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    namespace: 'mark',
    name: `mark-${family.toLowerCase()}`,
    labels: { 'kubernetes.io/service-name': 'mark' },
    // As controllers write it: proxies measure how long their rules take from here.
    annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': new Date().toISOString() },
  },
  addressType: family,
  ports: [{ name: 'mark', port: 10_000 + number, protocol: 'TCP' }],
  endpoints: [{ addresses: [endpointPlace(1)[family]], nodeName }],
});
