import { expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';
import { findVolume } from './match.ts';

const claim: PersistentVolumeClaim = {
  metadata: { name: 'data', namespace: 'default', uid: 'c1' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

const volume = (
  name: string,
  storage: string,
  spec: PersistentVolume['spec'] = {},
  phase = 'Available',
): PersistentVolume => ({
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce', 'ReadWriteMany'], capacity: { storage }, ...spec },
  status: { phase },
});

const found = (volumes: PersistentVolume[], node?: string) =>
  findVolume(
    claim,
    volumes,
    node === undefined ? undefined : { metadata: { name: node, labels: { 'kubernetes.io/hostname': node } } },
  )?.metadata?.name;

test('the smallest volume that is large enough', () => {
  expect(found([volume('large', '10Gi'), volume('small', '1Mi'), volume('fits', '1500Mi')])).toBe('fits');
  expect(found([volume('small', '1023Mi')])).toBeUndefined();
});

test('not one of another class, mode or claim, nor one that is released', () => {
  const other = { name: 'other', namespace: 'default' };
  expect(
    found([
      volume('class', '1Gi', { storageClassName: 'fast' }),
      volume('mode', '1Gi', { accessModes: ['ReadOnlyMany'] }),
      volume('block', '1Gi', { volumeMode: 'Block' }),
      volume('taken', '1Gi', { claimRef: other }),
      volume('released', '1Gi', {}, 'Released'),
    ]),
  ).toBeUndefined();
});

test('one that was set aside for the claim, whatever its size; not for one of its name before it', () => {
  const claimRef = { name: 'data', namespace: 'default' };
  const aside = volume('aside', '50Gi', { claimRef });
  expect(found([volume('fits', '1Gi'), aside])).toBe('aside');
  const before = volume('before', '1Gi', { claimRef: { ...claimRef, uid: 'c0' } });
  expect(found([before])).toBeUndefined();
});

test('only one that can be used on the node', () => {
  const values = ['worker'];
  const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values }];
  const local = volume('local', '1Gi', {
    nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
  });
  expect(found([local], 'worker')).toBe('local');
  expect(found([local], 'worker2')).toBeUndefined();
});
