import { setTimeout as delay } from 'node:timers/promises';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { service, slice } from '../../dataplane/testing/objects.ts';
import type { RoundWriter } from './api.ts';
import type { ProxiedNode } from './nodes.ts';
import { endpointPlace } from './objects.ts';

const port = { name: 'dns', port: 53, protocol: 'UDP' };

function objects(endpoint: number | undefined): { services: Service[]; slices: EndpointSlice[] } {
  const spec = {
    type: 'NodePort',
    clusterIPs: ['10.96.1.53'],
    clusterIP: '10.96.1.53',
    ports: [{ ...port, nodePort: 32_053 }],
  };
  const { IPv4 = '', node } = endpoint === undefined ? {} : endpointPlace(endpoint);
  const endpoints = IPv4 ? [{ ip: IPv4, ...(node ? { node } : {}) }] : [];
  return {
    services: [service('ns0/dns', { ...spec, ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' })],
    slices: [slice('ns0/dns', endpoints, { portName: 'dns', protocol: 'UDP', port: 8_000 })],
  };
}

/**
 * UDP clients that keep their port, while the Service has no endpoint, gets its first, and gets another in its place:
 * what conntrack remembers of the flow must go with it. Resolves to how many were tried, and to what was wrong.
 */
export async function compareUdp(
  writer: RoundWriter,
  nodes: readonly ProxiedNode[],
): Promise<{ tried: number; wrong: string[] }> {
  const wrong: string[] = [];
  const write = async (endpoint: number | undefined) => {
    const { mark } = await writer.write({ what: ['UDP'], ...objects(endpoint) });
    await Promise.all(nodes.map((node) => node.rulesWith(mark)));
  };
  await write(undefined);
  const ways = [
    { from: 'client', address: '10.96.1.53', port: 53 },
    { from: undefined, address: '10.96.1.53', port: 53 },
    { from: 'node2', address: '172.18.0.3', port: 32_053 },
  ];
  const open = nodes.flatMap(({ name, lab }) =>
    ways.map(async (way, i) => ({
      what: `${name}: UDP from ${way.from ?? 'node'} to ${way.address} port ${way.port}`,
      talk: await lab.agent.open({ ...way, protocol: 'UDP', sourcePort: 45_000 + i, timeout: 0.3 }),
    })),
  );
  const held = await Promise.all(open);
  for (const [endpoint, pod] of [
    [1, 'pod1'],
    [2, 'pod4'],
    [5, 'pod3'],
  ] as const) {
    await write(endpoint);
    for (const { what, talk } of held) {
      const said = await reaches(talk.talk, pod);
      if (said !== undefined) wrong.push(`${what}: ${said} instead of ${pod}`);
    }
  }
  await Promise.all(held.map(({ talk }) => talk.close()));
  return { tried: 3 * held.length, wrong };
}

/** Flows are forgotten a moment after the rules stand. */
async function reaches(talk: (timeout: number) => Promise<string>, pod: string): Promise<string | undefined> {
  for (let left = 20; ; left--) {
    const said = await talk(0.3);
    if (said.startsWith(`${pod} `)) return undefined;
    if (left === 0) return said;
    await delay(100);
  }
}
