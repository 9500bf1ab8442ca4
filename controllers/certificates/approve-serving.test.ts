import { expect, test } from 'vitest';
import type { Node } from '../../api/types.ts';
import { namesNode } from './approve-serving.ts';

const node: Node = {
  status: {
    addresses: [
      { type: 'InternalIP', address: '10.99.0.2' },
      { type: 'Hostname', address: 'v1' },
    ],
  },
};
const asked = (dns: string[], ips: string[]) => ({ names: { dns, ips, emails: [], uris: [] } });

test('a kubelet may be called what its Node is called, and nothing else', () => {
  expect(namesNode(asked(['v1'], ['10.99.0.2']), node)).toBe(true);
  expect(namesNode(asked(['v1'], []), node)).toBe(true);
  expect(namesNode(asked(['v1', 'kubernetes.default'], ['10.99.0.2']), node)).toBe(false);
  expect(namesNode(asked(['v1'], ['10.99.0.1']), node)).toBe(false);
  expect(namesNode(asked(['10.99.0.2'], ['10.99.0.2']), node)).toBe(false);
  expect(namesNode(asked(['v1'], []), undefined)).toBe(false);
});
