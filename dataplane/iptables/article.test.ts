import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { proxyConfiguration } from '../configuration.ts';
import { desiredRules, type RenderOptions, renderRules } from '../render.ts';
import { service, slice } from '../testing/objects.ts';
import { trace } from '../trace.ts';

/** The rules of a release, without chain declarations. */
async function rulesOf(objects: KubeObject[], options: Partial<RenderOptions> = {}): Promise<string[]> {
  const text = await renderRules({ objects, nodeName: 'worker', emulatedVersion: '1.12', ...options });
  return text.split('\n').filter((line) => line.startsWith('-A '));
}

const http = (name: string, port: number) => [{ ...(name ? { name } : {}), port }];

test('article 000: iptables-save of v1.12.2, line for line', async () => {
  const objects = [
    service('default/hostnames', { clusterIP: '10.103.184.52', ports: http('default', 80) }),
    slice('default/hostnames', ['10.244.1.5', '10.244.1.6', '10.244.1.7'], {
      port: 9376,
      portName: 'default',
    }),
  ];
  const rules = await rulesOf(objects, { configuration: { clusterCIDR: '10.244.0.0/16' } });
  expect(rules.filter((line) => line.includes('hostname'))).toEqual([
    '-A KUBE-SERVICES ! -s 10.244.0.0/16 -d 10.103.184.52/32 -p tcp -m comment --comment "default/hostnames:default cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ',
    '-A KUBE-SERVICES -d 10.103.184.52/32 -p tcp -m comment --comment "default/hostnames:default cluster IP" -m tcp --dport 80 -j KUBE-SVC-ODX2UBAZM7RQWOIU',
  ]);
  expect(rules.filter((line) => line.startsWith('-A KUBE-SVC-ODX2UBAZM7RQWOIU'))).toEqual([
    '-A KUBE-SVC-ODX2UBAZM7RQWOIU -m statistic --mode random --probability 0.33332999982 -j KUBE-SEP-LZSOAAIF344LOQYR',
    '-A KUBE-SVC-ODX2UBAZM7RQWOIU -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-TKZFUYKNSRMALYNM',
    '-A KUBE-SVC-ODX2UBAZM7RQWOIU -j KUBE-SEP-7MW3KEEC4RCNSIJ2',
  ]);
  expect(rules.filter((line) => line.startsWith('-A KUBE-SEP-7MW3KEEC4RCNSIJ2'))).toEqual([
    '-A KUBE-SEP-7MW3KEEC4RCNSIJ2 -s 10.244.1.7/32 -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-7MW3KEEC4RCNSIJ2 -p tcp -m tcp -j DNAT --to-destination 10.244.1.7:9376',
  ]);
});

test('article 001: an unnamed port keeps its colon, and comments stand at the draw', async () => {
  const objects = [
    service('default/hostnames', { clusterIP: '10.0.1.175', ports: http('', 80) }),
    slice('default/hostnames', ['10.244.0.5', '10.244.0.6', '10.244.0.7'], { port: 9376, portName: '' }),
  ];
  const rules = await rulesOf(objects, { emulatedVersion: '1.10' });
  const draw = '-A KUBE-SVC-NWV5X2332I4OT4T3 -m comment --comment "default/hostnames:"';
  expect(
    rules.filter((line) => line.includes('KUBE-SVC-')).map((line) => line.replace(/KUBE-SEP-\w+$/, '')),
  ).toEqual([
    '-A KUBE-SERVICES -d 10.0.1.175/32 -p tcp -m comment --comment "default/hostnames: cluster IP" -m tcp --dport 80 -j KUBE-SVC-NWV5X2332I4OT4T3',
    `${draw} -m statistic --mode random --probability 0.33332999982 -j `,
    `${draw} -m statistic --mode random --probability 0.50000000000 -j `,
    `${draw} -j `,
  ]);
});

test('article 002: four endpoints, and who is not a pod is masqueraded', async () => {
  const objects = [
    service('default/service-test', { clusterIP: '10.101.90.210', ports: http('', 8088) }),
    slice('default/service-test', ['10.36.0.0', '10.36.0.1', '10.40.0.1', '10.40.0.0'], {
      port: 8080,
      portName: '',
    }),
  ];
  const rules = await rulesOf(objects, {
    emulatedVersion: '1.10',
    configuration: { clusterCIDR: '172.100.0.0/16' },
  });
  const portal =
    '-d 10.101.90.210/32 -p tcp -m comment --comment "default/service-test: cluster IP" -m tcp --dport 8088 -j';
  expect(rules).toContain(`-A KUBE-SERVICES ! -s 172.100.0.0/16 ${portal} KUBE-MARK-MASQ`);
  expect(rules).toContain(`-A KUBE-SERVICES ${portal} KUBE-SVC-LY73ZDGF4KGO4YFJ`);
  const chances = rules.flatMap((line) => /^-A KUBE-SVC-\S+ .*--probability (\S+)/.exec(line)?.[1] ?? []);
  expect(chances).toEqual(['0.25000000000', '0.33332999982', '0.50000000000']);
  expect(rules.filter((line) => line.startsWith('-A KUBE-SEP-WHOFXZ2VQXEUUKVO'))).toEqual([
    '-A KUBE-SEP-WHOFXZ2VQXEUUKVO -s 10.36.0.1/32 -m comment --comment "default/service-test:" -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-WHOFXZ2VQXEUUKVO -p tcp -m comment --comment "default/service-test:" -m tcp -j DNAT --to-destination 10.36.0.1:8080',
  ]);
});

test('article 004: no cluster CIDR, so nobody is masqueraded by it', async () => {
  const objects = [
    service('default/webapp1-clusterip-svc', { clusterIP: '10.96.49.63', ports: http('', 80) }),
    slice('default/webapp1-clusterip-svc', ['10.32.0.5', '10.32.0.6'], { portName: '' }),
  ];
  const rules = await rulesOf(objects);
  expect(rules).toContain('-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES');
  expect(rules.filter((line) => /^-A KUBE-(SERVICES -d|SVC-|SEP-XZ)/.test(line))).toEqual([
    '-A KUBE-SEP-XZSXSKAGWEX3WTAR -s 10.32.0.5/32 -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-XZSXSKAGWEX3WTAR -p tcp -m tcp -j DNAT --to-destination 10.32.0.5:80',
    '-A KUBE-SERVICES -d 10.96.49.63/32 -p tcp -m comment --comment "default/webapp1-clusterip-svc: cluster IP" -m tcp --dport 80 -j KUBE-SVC-MOFD5WH2RW6MNEJH',
    '-A KUBE-SVC-MOFD5WH2RW6MNEJH -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-XZSXSKAGWEX3WTAR',
    '-A KUBE-SVC-MOFD5WH2RW6MNEJH -j KUBE-SEP-YMZLCE5DPP2AQ75P',
  ]);
});

describe('packets take the same ways as in the release of today', () => {
  // Those releases dropped at INPUT only: the load balancer's address is local, as on Google's cloud.
  const nodeIps = ['192.168.0.2', '198.51.100.1'];
  const pod = '10.244.1.9';
  const outside = '203.0.113.2';
  const spec = {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.10',
    ports: [{ name: 'p80', port: 80, nodePort: 30080 }],
    loadBalancerSourceRanges: ['203.0.113.0/28'],
  };
  const endpoints = slice('ns/a', [{ ip: '10.244.1.5', node: 'worker' }, '10.244.2.6']);
  const loadBalancer = ['198.51.100.1'];
  const both = '10.244.1.5:80 0.5, 10.244.2.6:80 0.5';

  function outcomes(objects: KubeObject[], source: string, destination: string, port = 80): string {
    const configuration = proxyConfiguration({ clusterCIDR: '10.244.0.0/16' });
    const rules = desiredRules({
      objects,
      nodeName: 'worker',
      nodeIps,
      configuration,
      emulatedVersion: '1.12',
    });
    return trace(rules, { source, destination, port, nodeIps })
      .map(({ verdict, to, probability, masqueraded }) =>
        verdict === 'accept' ? `${to} ${probability}${masqueraded ? ' masqueraded' : ''}` : verdict,
      )
      .join(', ');
  }
  const masqueraded = both
    .replaceAll('0.5', '0.5 masqueraded')
    .replace('10.244.1.5 masqueraded', '10.244.1.5');

  test.each([
    ['a pod to the ClusterIP', pod, '10.96.0.10', 80, both],
    ['somebody else to the ClusterIP', outside, '10.96.0.10', 80, masqueraded],
    ['an allowed client to the load balancer', outside, '198.51.100.1', 80, masqueraded],
    ['another client to the load balancer', '203.0.113.99', '198.51.100.1', 80, 'drop'],
    ['a client to the node port', outside, '192.168.0.2', 30080, masqueraded],
  ])('policy Cluster: %s', (_, source, destination, port, expected) => {
    const objects = [service('ns/a', spec, { loadBalancer }), endpoints];
    expect(outcomes(objects, source, destination, port)).toBe(expected);
  });

  test.each([
    ['a client to the node port', outside, '192.168.0.2', 30080, '10.244.1.5:80 1'],
    ['a pod to the node port', pod, '192.168.0.2', 30080, both],
    ['an allowed client to the load balancer', outside, '198.51.100.1', 80, '10.244.1.5:80 1'],
  ])('policy Local: %s', (_, source, destination, port, expected) => {
    const local = service('ns/a', { ...spec, externalTrafficPolicy: 'Local' }, { loadBalancer });
    expect(outcomes([local, endpoints], source, destination, port)).toBe(expected);
  });

  test('without endpoints it is rejected, without local ones dropped', () => {
    const local = service('ns/a', { ...spec, externalTrafficPolicy: 'Local' }, { loadBalancer });
    expect(outcomes([local], '192.168.0.2', '10.96.0.10')).toBe('reject');
    expect(outcomes([local, slice('ns/a', ['10.244.2.6'])], outside, '192.168.0.2', 30080)).toBe('drop');
  });
});

test('another release is refused by name', async () => {
  await expect(renderRules({ objects: [], nodeName: 'worker', emulatedVersion: '1.9' })).rejects.toThrow(
    'emulated version "1.9" is none of 1.33, 1.13, 1.12, 1.11, 1.10',
  );
});
