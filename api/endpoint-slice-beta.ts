import type { Endpoint, EndpointSlice } from './types.ts';

/** `discovery.k8s.io/v1beta1` had a map of where an endpoint is, and for a long time nothing else. */
export type EndpointSliceBeta = Omit<EndpointSlice, 'endpoints'> & {
  endpoints?: EndpointBeta[] | null;
};

/** One of its endpoints. */
export type EndpointBeta = Omit<Endpoint, 'zone' | 'deprecatedTopology'> & {
  topology?: Record<string, string>;
};

const zoneLabel = 'topology.kubernetes.io/zone';
const nodeLabel = 'kubernetes.io/hostname';

/** What a server or client of v1beta1 wrote, as today's. Upstream: `pkg/apis/discovery/v1beta1/conversion.go`. */
export function sliceFromBeta({ endpoints, ...slice }: EndpointSliceBeta): EndpointSlice {
  return { ...slice, apiVersion: 'discovery.k8s.io/v1', endpoints: (endpoints ?? []).map(endpointFromBeta) };
}

/** Today's as v1beta1 shows it; nothing is lost on the way there and back. */
export function sliceToBeta({ endpoints, ...slice }: EndpointSlice): EndpointSliceBeta {
  return {
    ...slice,
    apiVersion: 'discovery.k8s.io/v1beta1',
    endpoints: (endpoints ?? []).map(endpointToBeta),
  };
}

/** One endpoint as today's. */
export function endpointFromBeta({ topology, ...endpoint }: EndpointBeta): Endpoint {
  if (!topology) return endpoint;
  const { [zoneLabel]: zone, ...rest } = topology;
  const nodeName = endpoint.nodeName ?? rest[nodeLabel];
  // Another name than the node's is kept where it was.
  if (rest[nodeLabel] === nodeName) delete rest[nodeLabel];
  return {
    ...endpoint,
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(Object.keys(rest).length > 0 ? { deprecatedTopology: rest } : {}),
  };
}

function endpointToBeta({ zone, deprecatedTopology, ...endpoint }: Endpoint): EndpointBeta {
  const { nodeName } = endpoint;
  const topology = {
    ...(nodeName === undefined ? {} : { [nodeLabel]: nodeName }),
    ...deprecatedTopology,
    ...(zone === undefined ? {} : { [zoneLabel]: zone }),
  };
  return { ...endpoint, ...(Object.keys(topology).length > 0 ? { topology } : {}) };
}
