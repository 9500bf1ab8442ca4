import { expect, test } from 'vitest';
import { defaultNodeTokenGroup } from '../../api/bootstrap-secret.ts';
import { grantOf, tokenTable } from './tokens.ts';

const token = 'abcdef.0123456789abcdef';
const now = Date.UTC(2030, 0, 1);

test("a token lives a day, for both usages and in kubeadm's group, unless it is told otherwise", () => {
  expect(grantOf({ token }, now)).toEqual({
    token: { id: 'abcdef', secret: '0123456789abcdef' },
    usages: ['signing', 'authentication'],
    groups: [defaultNodeTokenGroup],
    expires: now + 86_400_000,
  });
  expect(grantOf({ token, ttl: '0', usages: ['signing'], groups: [], description: 'one' }, now)).toEqual({
    token: { id: 'abcdef', secret: '0123456789abcdef' },
    usages: ['signing'],
    groups: [],
    description: 'one',
  });
  expect(grantOf({}).token.id).toMatch(/^[a-z0-9]{6}$/);
});

test.each([
  [{ token: 'short' }, 'was not of the form'],
  [{ ttl: 'a day' }, 'ttl: invalid value "a day"'],
  [{ ttl: '-1h' }, 'ttl: invalid value "-1h"'],
  [{ usages: ['joining'] }, 'must be among signing, authentication'],
  [{ groups: ['system:masters'] }, 'groups: invalid value "system:masters"'],
])('%j is refused', (options, why) => {
  expect(() => grantOf(options)).toThrow(why);
});

test('the list has the columns of kubeadm', () => {
  const lines = tokenTable(
    [
      grantOf({ token, ttl: '23h30m', description: 'for v1' }, now),
      grantOf({ token: 'aaaaaa.0123456789abcdef', ttl: '0', usages: [], groups: [] }),
      { ...grantOf({ token: 'bbbbbb.0123456789abcdef' }), expires: now - 5_000 },
    ],
    now,
  ).split('\n');
  const [header = '', ...rows] = lines;
  expect(header).toMatch(/^TOKEN {3,}TTL {3,}EXPIRES {3,}USAGES {3,}DESCRIPTION {3,}EXTRA GROUPS$/);
  expect(rows[0]?.split(/ {3,}/)).toEqual([
    token,
    '23h',
    '2030-01-01T23:30:00Z',
    'signing,authentication',
    'for v1',
    defaultNodeTokenGroup,
  ]);
  expect(rows[1]).toMatch(/<forever> +<never> +<none> +<none> +<none>$/);
  expect(rows[2]).toContain('<invalid>');
});
