import { expect, test } from 'vitest';
import type { ReplicaSet } from '../../api/types.ts';
import { nextRevision } from './revision.ts';

const replicaSet = (revision: string): ReplicaSet => ({
  metadata: { annotations: { 'deployment.kubernetes.io/revision': revision } },
});

test.each([
  [[], 1n],
  [['3', '10', '9'], 11n],
  [['what'], 1n],
  // Of 64 bits, which no number of JavaScript tells from the next.
  [['3546343826724305832'], 3546343826724305833n],
])('after %j comes %d', (revisions, next) => {
  expect(nextRevision(revisions.map(replicaSet))).toBe(next);
});
