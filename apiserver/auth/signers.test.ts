import { expect, test } from 'vitest';
import type { Authorize } from './authorize.ts';
import { createSignerCheck } from './signers.ts';

const request = { metadata: { name: 'jane' }, spec: { request: '', signerName: 'example.com/mine' } };
const jane = { name: 'jane', groups: [] };

/** Somebody who may do one thing, to what has this name. */
const only =
  (verb: string, name: string): Authorize =>
  (_, attributes) => ({
    allowed:
      'resource' in attributes &&
      attributes.group === 'certificates.k8s.io' &&
      attributes.resource === 'signers' &&
      attributes.verb === verb &&
      attributes.name === name,
    reason: '',
  });

test.each(['example.com/mine', 'example.com/*'])('who may approve for %s approves', (name) => {
  const check = createSignerCheck(only('approve', name));
  expect(() => check('approve', request, jane)).not.toThrow();
  expect(() => check('sign', request, jane)).toThrow(
    'certificatesigningrequests.certificates.k8s.io "jane" is forbidden: user not permitted to sign requests with signerName "example.com/mine"',
  );
});

test('another signer is another right', () => {
  const check = createSignerCheck(only('approve', 'example.com/yours'));
  expect(() => check('approve', request, jane)).toThrow('user not permitted to approve requests');
});
