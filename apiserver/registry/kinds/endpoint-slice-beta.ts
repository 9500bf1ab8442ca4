import { type EndpointBeta, endpointFromBeta, sliceToBeta } from '../../../api/endpoint-slice-beta.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { EndpointSlice } from '../../../api/types.ts';
import { decode } from '../../schema/decode.ts';
import type { CustomRules } from '../strategy.ts';

/** Version v1beta1: what proxies and controllers of 1.20 know EndpointSlices as; they look for the node of an endpoint in its topology. */
export const olderSlices: CustomRules = {
  type: 'EndpointSlice',
  decode(value, mode, duplicates) {
    const { endpoints } = value as { endpoints?: unknown };
    // Anything else is told of by the schema.
    const own = Array.isArray(endpoints) ? { endpoints: endpoints.map(read) } : {};
    return decode('EndpointSlice', { ...(value as object), ...own }, mode, duplicates);
  },
  present: (object) => sliceToBeta(object as EndpointSlice) as KubeObject,
  ended: new AbortController().signal,
};

function read(endpoint: unknown): unknown {
  if (!isRecord(endpoint)) return endpoint;
  const { topology, ...rest } = endpoint;
  if (topology === undefined || isRecord(topology)) return endpointFromBeta(endpoint as EndpointBeta);
  return { ...rest, deprecatedTopology: topology };
}

const isRecord = (value: unknown): value is object & { topology?: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
