import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../api/object.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { nodeName } from './api.ts';
import type { ProxiedNode } from './nodes.ts';

/**
 * Asks the health check port of every Service that has one, on a genuine node and on ours. Both must tell of the ready
 * endpoints of the node: ours of the family with more, genuine ones before 1.27 of the family whose proxy got the port
 * first. Resolves to how many were asked, and to what was wrong.
 */
export async function compareHealthChecks(
  objects: readonly KubeObject[],
  genuine: ProxiedNode,
  ours: ProxiedNode,
): Promise<{ tried: number; wrong: string[] }> {
  const services = objects.filter((object): object is Service => object.kind === 'Service');
  const wrong: string[] = [];
  let tried = 0;
  for (const { metadata = {}, spec = {} } of services) {
    if (!spec.healthCheckNodePort || metadata.labels?.['service.kubernetes.io/service-proxy-name']) continue;
    tried++;
    const counts = (spec.ipFamilies ?? []).map((family) => readyHere(objects, metadata, family));
    const url = `http://172.18.0.3:${spec.healthCheckNodePort}/`;
    const most = Math.max(...counts);
    for (const [node, right] of [
      [genuine, counts],
      [ours, [most]],
    ] as const) {
      const said = await settled(node, url, right);
      if (!said.ok)
        wrong.push(`${node.name}: ${metadata.namespace}/${metadata.name} at ${url}: ${said.text}`);
    }
  }
  return { tried, wrong };
}

/** Health checks follow the rules by a moment. */
async function settled(
  node: ProxiedNode,
  url: string,
  right: readonly number[],
): Promise<{ ok: boolean; text: string }> {
  for (let left = 25; ; left--) {
    const { status, body } = await node.get(url);
    const count = /"localEndpoints": (\d+)/.exec(body)?.[1];
    const ok = count !== undefined && right.includes(Number(count)) && status === (count === '0' ? 503 : 200);
    if (ok || left === 0)
      return { ok, text: `${status}, ${count} local endpoints, not ${right.join(' or ')}` };
    await delay(200);
  }
}

function readyHere(
  objects: readonly KubeObject[],
  { namespace, name }: { namespace?: string; name?: string },
  family: string,
): number {
  const addresses = objects
    .filter((object): object is EndpointSlice => object.kind === 'EndpointSlice')
    .filter(({ metadata, addressType }) => {
      const service = metadata?.labels?.['kubernetes.io/service-name'];
      return addressType === family && metadata?.namespace === namespace && service === name;
    })
    .flatMap(({ endpoints = [] }) => endpoints)
    .filter((one) => one.nodeName === nodeName && one.conditions?.ready !== false)
    .map((one) => one.addresses[0]);
  return new Set(addresses).size;
}
