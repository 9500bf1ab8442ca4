import { describe, expect, test } from 'vitest';
import type { Node, Pod } from '../../api/types.ts';
import { silentConditions } from './health.ts';
import { evictionTime, wantedTaints } from './taints.ts';

const now = '2026-01-01T00:00:00Z';
const node = (status: string | undefined, taints: { key: string; effect: string }[] = []): Node => ({
  spec: { taints },
  status: { conditions: status === undefined ? [] : [{ type: 'Ready', status }] },
});
const keys = (of: Node) => wantedTaints(of, now).map(({ key, effect }) => `${key}:${effect}`);

describe('wantedTaints', () => {
  const initial = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  const own = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };

  test('a ready node keeps only what is its own', () => {
    expect(wantedTaints(node('True', [own, initial]), now)).toEqual([own]);
  });

  test('a node that is not ready, silent, or new', () => {
    expect(keys(node('False'))).toEqual([
      'node.kubernetes.io/not-ready:NoSchedule',
      'node.kubernetes.io/not-ready:NoExecute',
    ]);
    expect(keys(node('Unknown', [initial]))).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    expect(keys(node(undefined))).toEqual(['node.kubernetes.io/not-ready:NoSchedule']);
  });

  test('a taint that is there keeps its time', () => {
    const known = {
      key: 'node.kubernetes.io/unreachable',
      effect: 'NoExecute',
      timeAdded: '2025-01-01T00:00:00Z',
    };
    expect(wantedTaints(node('Unknown', [known]), now)).toContainEqual(known);
  });
});

test('evictionTime follows the shortest toleration', () => {
  const taints = [{ key: 'k', effect: 'NoExecute', timeAdded: now }];
  const at = (tolerations: NonNullable<Pod['spec']>['tolerations']) =>
    evictionTime({ spec: { containers: [], ...(tolerations ? { tolerations } : {}) } }, taints);
  expect(at(undefined)).toBe(0);
  expect(at([{ operator: 'Exists' }])).toBe(Number.POSITIVE_INFINITY);
  expect(at([{ key: 'k', operator: 'Exists', tolerationSeconds: 300 }])).toBe(Date.parse(now) + 300_000);
  expect(at([{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }])).toBe(0);
});

test('a silent node becomes Unknown once', () => {
  const conditions = silentConditions(node('True'), new Date(now));
  expect(conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
  });
  expect(silentConditions({ status: { conditions: conditions ?? [] } }, new Date(now))).toBeUndefined();
});

test('a pod that comes to a node long tainted has its time there too', () => {
  const key = 'node.kubernetes.io/unreachable';
  const taints = [{ key, effect: 'NoExecute', timeAdded: '2025-01-01T00:00:00Z' }];
  const spec = { containers: [], tolerations: [{ key, operator: 'Exists', tolerationSeconds: 300 }] };
  const creationTimestamp = '2025-01-01T01:00:00Z';
  expect(evictionTime({ metadata: { creationTimestamp }, spec }, taints)).toBe(
    Date.parse('2025-01-01T01:05:00Z'),
  );
  const conditions = [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2025-01-01T02:00:00Z' }];
  const scheduled = { metadata: { creationTimestamp }, spec, status: { conditions } };
  expect(evictionTime(scheduled, taints)).toBe(Date.parse('2025-01-01T02:05:00Z'));
});
