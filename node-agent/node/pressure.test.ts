import { expect, it } from 'vitest';
import { pressureOf } from './pressure.ts';
import { nodeStatus } from './status.ts';

it('a folder that is not there is short of nothing', () => {
  expect(pressureOf(['/no/such/folder']).disk).toBe(false);
});

it('a file system that has no size is short of nothing', () => {
  expect(pressureOf(['/proc']).disk).toBe(false);
});

it('a node says so in the words of kubelet', () => {
  const { conditions = [] } = nodeStatus('n', [], undefined, true, new Date(0), [], 110, {
    memory: true,
    disk: true,
  });
  expect(conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
    'MemoryPressure True KubeletHasInsufficientMemory',
    'DiskPressure True KubeletHasDiskPressure',
    'PIDPressure False KubeletHasSufficientPID',
    'Ready True KubeletReady',
  ]);
});
