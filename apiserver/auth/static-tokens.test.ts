import { expect, test } from 'vitest';
import { withStaticTokens } from './static-tokens.ts';
import type { Tokens } from './tokens.ts';

const none: Tokens = { issue: () => '', verify: () => undefined };
const file = 'admin-token,admin,,"system:masters, ops"\n# a comment\n\nplain,someone,u1\n';

test('tokens of a file stand for who they name', () => {
  const { verify } = withStaticTokens(none, file);
  const now = new Date();
  expect(verify('admin-token', [], now)).toEqual({
    name: 'admin',
    groups: ['system:masters', 'ops', 'system:authenticated'],
  });
  expect(verify('plain', [], now)).toEqual({
    name: 'someone',
    uid: 'u1',
    groups: ['system:authenticated'],
  });
  expect(verify('# a comment', [], now)).toBeUndefined();
});

test('a line with too few columns is named', () => {
  expect(() => withStaticTokens(none, 'a,b\n')).toThrow('line 1 of the token file must have at least 3');
});
