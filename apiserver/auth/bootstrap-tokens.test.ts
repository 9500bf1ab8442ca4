import { expect, test } from 'vitest';
import { type BootstrapGrant, bootstrapSecret, defaultNodeTokenGroup } from '../../api/bootstrap-secret.ts';
import { bootstrapTokenText } from '../../api/bootstrap-token.ts';
import { resources } from '../../api/scheme.ts';
import type { Secret } from '../../api/types.ts';
import { createLookup } from '../registry/kinds/testing.ts';
import { withBootstrapTokens } from './bootstrap-tokens.ts';
import type { Tokens } from './tokens.ts';

const now = new Date('2030-01-01T00:00:00Z');
const grant: BootstrapGrant = {
  token: { id: 'abcdef', secret: '0123456789abcdef' },
  usages: ['authentication'],
  groups: [defaultNodeTokenGroup],
  expires: now.getTime() + 1_000,
};
const text = bootstrapTokenText(grant.token);
const others: Tokens = { issue: () => '', verify: () => undefined };
const userOf = (secret: Secret, shown = text, at = now) =>
  withBootstrapTokens(others, createLookup([[resources.secrets, secret]])).verify(shown, [], at);

test('a bootstrap token is a user of its own, in the groups that the Secret names', () => {
  expect(userOf(bootstrapSecret(grant))).toEqual({
    name: 'system:bootstrap:abcdef',
    groups: ['system:bootstrappers', defaultNodeTokenGroup, 'system:authenticated'],
  });
});

test.each<[string, Secret, string?, Date?]>([
  ['another secret', bootstrapSecret(grant), 'abcdef.0123456789abcdee'],
  ['another id', bootstrapSecret(grant), 'abcdee.0123456789abcdef'],
  ['no token at all', bootstrapSecret(grant), 'abcdef'],
  ['its end passed', bootstrapSecret(grant), text, new Date(now.getTime() + 1_000)],
  ['no usage for it', bootstrapSecret({ ...grant, usages: ['signing'] })],
  ['a group that no token gives', bootstrapSecret({ ...grant, groups: ['system:masters'] })],
  ['a Secret of another type', { ...bootstrapSecret(grant), type: 'Opaque' }],
  ['a Secret that is going', deleted(bootstrapSecret(grant))],
])('with %s it is nobody', (_, secret, shown, at) => {
  expect(userOf(secret, shown, at)).toBeUndefined();
});

function deleted(secret: Secret): Secret {
  return { ...secret, metadata: { ...secret.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } };
}
