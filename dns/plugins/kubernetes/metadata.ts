import { plainAddress } from '../../corefile/subnets.ts';
import type { MetadataProvider } from '../../plugin.ts';
import { matchZone } from '../../wire/names.ts';
import { shapesOf } from './lookup.ts';
import type { KubernetesOptions } from './options.ts';
import type { Records } from './records.ts';
import { parseRequest } from './request.ts';

/** What a name says, and with `pods verified` who asks. Upstream: plugin/kubernetes/metadata.go. */
export function createMetadata(records: () => Records, options: KubernetesOptions): MetadataProvider {
  return function* ({ lower, client }) {
    if (options.pods === 'verified') {
      const [pod] = records().podsByIp(plainAddress(client.address));
      if (pod) {
        yield ['kubernetes/client-namespace', () => pod.namespace];
        yield ['kubernetes/client-pod-name', () => pod.name];
        for (const [label, value] of Object.entries(pod.labels))
          yield [`kubernetes/client-label/${label}`, () => value];
      }
    }
    const zone = matchZone(options.zones, lower);
    if (zone === undefined) return;
    const shapes = shapesOf(options, zone);
    const request = parseRequest(lower, zone, shapes);
    if (!request) {
      yield ['kubernetes/parse-error', () => 'invalid query name'];
      return;
    }
    yield ['kubernetes/port-name', () => request.port];
    yield ['kubernetes/protocol', () => request.protocol];
    yield ['kubernetes/endpoint', () => request.endpoint];
    if (shapes.multicluster) yield ['kubernetes/cluster', () => request.cluster];
    if (shapes.zonal) yield ['kubernetes/zone', () => request.topologyZone];
    yield ['kubernetes/service', () => request.service];
    yield ['kubernetes/namespace', () => request.namespace];
    yield ['kubernetes/kind', () => request.kind];
  };
}
