import { describe, expect, it } from 'vitest';
import type { Container, Pod } from '../../api/types.ts';
import { containerLimits, podGroup, podLimits } from './limits.ts';

type List = Record<string, string>;
const container = (limits: List, requests: List = {}, more: Partial<Container> = {}): Container => ({
  name: 'c',
  ...more,
  resources: { limits, requests },
});
const pod = (containers: Container[], initContainers: Container[] = []): Pod => ({
  metadata: { uid: '1-2' },
  spec: { containers, initContainers },
});

it('pods have groups as the cgroupfs driver names them', () => {
  const named = (qosClass: string) => podGroup({ metadata: { uid: '1-2' }, status: { qosClass } }).join('/');
  expect(['Guaranteed', 'Burstable', 'BestEffort'].map(named)).toEqual([
    'kubepods/pod1-2',
    'kubepods/burstable/pod1-2',
    'kubepods/besteffort/pod1-2',
  ]);
});

describe('containers', () => {
  it.each<[limits: List, requests: List, expected: object]>([
    [{}, {}, { cpuShares: 2 }],
    [
      { cpu: '200m', memory: '64Mi' },
      {},
      { cpuQuota: 20_000, cpuShares: 204, memory: 64 << 20, oomGroup: true },
    ],
    [{ cpu: '2' }, { cpu: '100m' }, { cpuQuota: 200_000, cpuShares: 102 }],
    [{ cpu: '1m' }, {}, { cpuQuota: 1000, cpuShares: 2 }],
    [{ 'hugepages-2Mi': '4Mi' }, { memory: '1Gi' }, { cpuShares: 2 }],
  ])('%j, %j', (limits, requests, expected) => {
    expect(containerLimits(container(limits, requests))).toEqual(expected);
  });
});

describe('pods', () => {
  it('have the sum of what all their containers say', () => {
    const two = [container({ cpu: '100m', memory: '1Mi' }), container({ cpu: '300m', memory: '2Mi' })];
    expect(podLimits(pod(two), 50)).toEqual({ cpuQuota: 40_000, cpuShares: 409, memory: 3 << 20, pids: 50 });
  });

  it('have no limit where one container has none', () => {
    expect(podLimits(pod([container({ memory: '1Mi' }, { cpu: '1' }), container({})]))).toEqual({
      cpuShares: 1024,
    });
  });

  it('have room for the largest init container beside the sidecars before it', () => {
    const init = [
      container({ memory: '1Mi' }, {}, { restartPolicy: 'Always' }),
      container({ memory: '8Mi' }),
      container({ memory: '1Mi' }, {}, { restartPolicy: 'Always' }),
    ];
    expect(podLimits(pod([container({ memory: '2Mi' })], init)).memory).toBe(9 << 20);
  });
});
