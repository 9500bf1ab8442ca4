import { expect, test } from 'vitest';
import { listenAddresses } from './servers.ts';

const node = {
  ips: ['172.18.0.3', 'fd00:172::3'],
  localAddresses: ['127.0.0.1', '172.18.0.3', 'fd00:172::3'],
};

test.each([
  [[], ['::']],
  [['0.0.0.0/0'], ['::']],
  // Both families are one socket, which can be opened once.
  [['0.0.0.0/0', '::/0'], ['::']],
  [['172.18.0.0/16', '::/0'], ['::']],
  [['172.18.0.0/16'], ['172.18.0.3']],
  [
    ['172.18.0.0/16', 'fd00:172::/64'],
    ['172.18.0.3', 'fd00:172::3'],
  ],
  [['primary'], ['172.18.0.3', 'fd00:172::3']],
])('nodePortAddresses %j: health check ports listen at %j', (nodePortAddresses, expected) => {
  expect(listenAddresses({ nodePortAddresses }, node)).toEqual(expected);
});
