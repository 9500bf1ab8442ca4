import type { KubeObject } from '../../api/object.ts';
import { node, service, slice } from './objects.ts';

/** Gives whole numbers from 0 to below its argument. */
export type Random = (below: number) => number;

/** A small generator with a seed, so that a failure can be repeated: mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** A node `worker` and up to eight dual-stack Services of any kind and policy, with endpoints in any state. */
export function randomObjects(random: Random): KubeObject[] {
  const objects: KubeObject[] = [node('worker', ['172.18.0.3', 'fd00:172::3'], {}, ['10.244.1.0/24'])];
  for (let i = 1 + random(8); i > 0; i--) objects.push(...randomService(random, i));
  return objects;
}

/** A KubeProxyConfiguration that any of those may be rendered with. */
export function randomConfiguration(random: Random) {
  return {
    ...(random(4) ? { clusterCIDR: '10.244.0.0/16,fd00:244::/32' } : { detectLocalMode: 'NodeCIDR' }),
    iptables: {
      masqueradeAll: random(5) === 0,
      masqueradeBit: random(3) ? 14 : random(14),
      localhostNodePorts: random(4) > 0,
    },
    ...(random(4) === 0 ? { nodePortAddresses: ['172.18.0.0/16', 'fd00::/8'] } : {}),
    conntrack: { tcpBeLiberal: random(4) === 0 },
  };
}

const protocols = ['TCP', 'UDP', 'SCTP'] as const;

function randomService(random: Random, i: number): KubeObject[] {
  const one = (list: readonly string[]) => list[random(list.length)] as string;
  const key = `${one(['default', 'kube-system', 'a-1'])}/${one(['web', 'db-0', 'x'])}-${i}`;
  const type = one(['ClusterIP', 'NodePort', 'LoadBalancer']);
  const ports = Array.from({ length: 1 + random(2) }, (_, n) => ({
    ...(n === 0 && random(2) ? {} : { name: `p${n}` }),
    port: 80 + n,
    protocol: protocols[random(3)] as string,
    ...(type === 'ClusterIP' ? {} : { nodePort: 30000 + 2 * i + n }),
  }));
  const spec = {
    type,
    clusterIPs: [`10.96.0.${i}`, `fd00:96::${i}`],
    ports,
    ...(random(3) ? {} : { externalIPs: [`192.0.2.${i}`, `2001:db8::${i}`] }),
    ...(random(3) ? {} : { sessionAffinity: 'ClientIP' }),
    ...(random(2) ? {} : { externalTrafficPolicy: 'Local', healthCheckNodePort: 31000 + i }),
    ...(random(4) ? {} : { internalTrafficPolicy: 'Local' }),
    ...(random(3)
      ? {}
      : { loadBalancerSourceRanges: [one(['172.18.0.0/16', '192.0.2.0/24']), 'fd00:172::/32'] }),
  };
  const loadBalancer = type === 'LoadBalancer' ? [`198.51.100.${i}`, `2001:db8:1::${i}`] : [];
  return [
    service(key, spec, { loadBalancer }),
    ...ports.flatMap(({ name = '', protocol }) =>
      (['IPv4', 'IPv6'] as const).map((addressType) =>
        slice(key, randomEndpoints(random, addressType), {
          portName: name,
          protocol,
          port: 8000 + random(1000),
          addressType,
          suffix: `${name}${addressType.toLowerCase()}`,
        }),
      ),
    ),
  ];
}

function randomEndpoints(random: Random, family: 'IPv4' | 'IPv6') {
  return Array.from({ length: random(4) ? random(6) : 0 }, () => ({
    ip: family === 'IPv4' ? `10.244.${random(2)}.${random(20)}` : `fd00:244::${random(20).toString(16)}`,
    ...(random(2) ? { node: 'worker' } : {}),
    ...(random(4) ? {} : { ready: false, serving: random(2) === 0, terminating: true }),
  }));
}
