import type { KubeObject } from '../../../api/object.ts';
import type { Endpoint, EndpointSlice } from '../../../api/types.ts';
import { decode } from '../../schema/decode.ts';
import type { CustomRules } from '../strategy.ts';

/** Version v1beta1: what proxies and controllers of 1.20 know EndpointSlices as; they look for the node of an endpoint in its topology. Upstream: `pkg/apis/discovery/v1beta1/conversion.go`. */
export const olderSlices: CustomRules = {
  type: 'EndpointSlice',
  decode(value, mode, duplicates) {
    const { endpoints, ...rest } = value as { endpoints?: unknown };
    // Anything else is told of by the schema.
    const own = isList(endpoints)
      ? { endpoints: (endpoints as OlderEndpoint[]).map(endpointOf) }
      : { endpoints };
    return decode('EndpointSlice', endpoints === undefined ? rest : { ...rest, ...own }, mode, duplicates);
  },
  present(object) {
    const { endpoints, ...slice } = object as EndpointSlice;
    return {
      ...slice,
      apiVersion: 'discovery.k8s.io/v1beta1',
      ...(endpoints ? { endpoints: endpoints.map(olderEndpointOf) } : {}),
    } as KubeObject;
  },
  ended: new AbortController().signal,
};

const hostname = 'kubernetes.io/hostname';
const zoneLabel = 'topology.kubernetes.io/zone';

/** Version v1beta1 has labels of the node where v1 has fields. */
interface OlderEndpoint extends Omit<Endpoint, 'deprecatedTopology' | 'zone'> {
  topology?: Record<string, string>;
}

function endpointOf(older: OlderEndpoint): Endpoint {
  const { topology, ...endpoint } = older;
  if (!topology) return endpoint;
  const { [zoneLabel]: zone, ...rest } = topology;
  // It says once more what the field says.
  if (rest[hostname] === endpoint.nodeName) delete rest[hostname];
  const deprecatedTopology = Object.keys(rest).length > 0 ? rest : undefined;
  return {
    ...endpoint,
    ...(zone === undefined ? {} : { zone }),
    ...(deprecatedTopology ? { deprecatedTopology } : {}),
  };
}

function olderEndpointOf({ deprecatedTopology, zone, ...endpoint }: Endpoint): OlderEndpoint {
  const topology = {
    ...deprecatedTopology,
    ...(zone === undefined ? {} : { [zoneLabel]: zone }),
    ...(endpoint.nodeName === undefined ? {} : { [hostname]: endpoint.nodeName }),
  };
  return Object.keys(topology).length > 0 ? { ...endpoint, topology } : endpoint;
}

const isList = (value: unknown): value is object[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null);
