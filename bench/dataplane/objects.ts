import type { KubeObject } from '../../api/object.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { node, service, slice } from '../../dataplane/testing/objects.ts';
import { nodeIp, pods } from '../../dataplane/testing/sandbox.ts';

/** `default/s00042`: the order of the numbers is that of the names, and so of the rules. */
export const keyOf = (i: number) => `default/s${String(i).padStart(5, '0')}`;

/** From 10.96.1.0 on. */
export const addressOf = (i: number) => `10.96.${(i + 256) >> 8}.${(i + 256) & 255}`;

export const servicePort = 80;
export const podPort = 9376;
export const podAddress = `10.244.1.${pods.pod1}`;

export function serviceOf(i: number): Service {
  return service(keyOf(i), { clusterIP: addressOf(i), ports: [{ name: 'p80', port: servicePort }] });
}

/**
 * Its endpoints. Those of the first and of the last of `count` Services are pods that answer; the others' addresses
 * are nobody's.
 */
export function sliceOf(i: number, count: number, endpoints = 3): EndpointSlice {
  const answering = [pods.pod1, pods.pod2, pods.pod3].map((host) => `10.244.1.${host}`);
  const addresses = Array.from({ length: endpoints }, (_, k) => {
    const n = 512 + i * 4 + k;
    return (i === 0 || i === count - 1 ? answering[k] : undefined) ?? `10.244.${n >> 8}.${n & 255}`;
  });
  return slice(keyOf(i), addresses, { port: podPort });
}

/** All that an API holds with `count` Services. */
export function objectsOf(count: number): KubeObject[] {
  const each = Array.from({ length: count }, (_, i) => [serviceOf(i), sliceOf(i, count)]);
  return [node('worker', [nodeIp]), ...each.flat()];
}
