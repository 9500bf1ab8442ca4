import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderRules } from './render.ts';
import { node as nodeObject, service, slice } from './testing/objects.ts';
import { printed, randomText, tools } from './testing/printed.ts';
import { startTestNode, type TestNode } from './testing/sandbox.ts';

let lab: TestNode;
beforeAll(async () => {
  lab = await startTestNode();
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Every feature that has a rule of its own, in both families. */
const objects = [
  nodeObject('worker', ['172.18.0.3', 'fd00:172::3']),
  service(
    'ns/all',
    {
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.10', 'fd00:96::10'],
      externalIPs: ['192.0.2.1', '2001:db8::1'],
      externalTrafficPolicy: 'Local',
      sessionAffinity: 'ClientIP',
      healthCheckNodePort: 30100,
      loadBalancerSourceRanges: ['172.18.0.0/16', 'fd00:172::/32'],
      ports: [
        { name: 'p80', port: 80, nodePort: 30080 },
        { name: 'dns', port: 53, nodePort: 30053, protocol: 'UDP' },
        { name: 'sctp', port: 99, nodePort: 30099, protocol: 'SCTP' },
      ],
    },
    { loadBalancer: ['198.51.100.1', '2001:db8:1::1'] },
  ),
  service('ns/none', { clusterIPs: ['10.96.0.11', 'fd00:96::11'], ports: [{ port: 80 }] }),
  ...(['TCP', 'UDP', 'SCTP'] as const).flatMap((protocol) => {
    const portName = { TCP: 'p80', UDP: 'dns', SCTP: 'sctp' }[protocol];
    const options = { protocol, portName, port: 9376 };
    return [
      slice('ns/all', [{ ip: '10.244.1.5', node: 'worker' }, '10.244.1.6', '10.244.1.7'], {
        ...options,
        suffix: `4${portName}`,
      }),
      slice('ns/all', [{ ip: 'fd00:244::5', node: 'worker' }, 'fd00:244::6'], {
        ...options,
        suffix: `6${portName}`,
        addressType: 'IPv6',
      }),
    ];
  }),
];
const configuration = { clusterCIDR: '10.244.0.0/16,fd00:244::/32' };

describe.each(tools)('%s', (tool, family) => {
  test.each([undefined, '1.12', '1.10'])(
    'prints the rendered text as it is (emulated version %s)',
    async (emulatedVersion) => {
      const text = await renderRules({ objects, nodeName: 'worker', family, configuration, emulatedVersion });
      await lab.kernel.run(`${tool}-restore`, ['--test'], { input: text });
      expect(await printed(lab.kernel, tool, text)).toBe(text);
    },
  );
});

test.each(Array.from({ length: 30 }, (_, seed) => seed))(
  'so it does for any objects (seed %i)',
  async (seed) => {
    const { tool, text } = await randomText(seed);
    expect(await printed(lab.kernel, tool, text)).toBe(text);
  },
);
