import { expect, test } from 'vitest';
import { isTimeZone, parseCron } from './cron.ts';

const next = (text: string, after: string, zone?: string): string | undefined => {
  const time = parseCron(text, zone).next(Date.parse(after));
  return time === undefined ? undefined : new Date(time).toISOString().replace(':00.000Z', 'Z');
};

/** Facts of robfig/cron's TestNext. */
test.each<[string, string, string | undefined]>([
  ['*/15 * * * *', '2012-07-09T14:45:00Z', '2012-07-09T15:00Z'],
  ['*/15 * * * *', '2012-07-09T14:59:59Z', '2012-07-09T15:00Z'],
  ['20-35/15 * * * *', '2012-07-09T15:45:00Z', '2012-07-09T16:20Z'],
  ['*/15 1-2 * * *', '2012-07-09T23:46:00Z', '2012-07-10T01:00Z'],
  ['0 0 */5 Aug,Sep *', '2012-07-30T00:00:00Z', '2012-08-01T00:00Z'],
  ['0 0 9 Apr-Oct ?', '2012-07-09T23:35:00Z', '2012-08-09T00:00Z'],
  ['0 0 * Feb Mon', '2012-07-09T23:35:00Z', '2013-02-04T00:00Z'],
  ['* * 31 6 *', '2012-07-09T23:35:00Z', undefined],
  ['0 0 29 Feb ?', '2012-07-09T23:35:00Z', '2016-02-29T00:00Z'],
  // Both days restricted: either.
  ['0 0 1,15 * Sun', '2012-07-09T00:00:00Z', '2012-07-15T00:00Z'],
  ['0 0 1 * Wed', '2012-07-09T00:00:00Z', '2012-07-11T00:00Z'],
  ['@hourly', '2012-07-09T14:45:00Z', '2012-07-09T15:00Z'],
  ['@every 1h30m', '2012-07-09T14:45:00Z', '2012-07-09T16:15Z'],
])('%s after %s', (text, after, expected) => {
  expect(next(text, after)).toBe(expected);
});

test('a time zone, and the days on which its clocks change', () => {
  expect(next('0 9 * * *', '2025-01-01T00:00:00Z', 'Asia/Tokyo')).toBe('2025-01-02T00:00Z');
  // 2:30 does not exist on 2025-03-09 in New York.
  expect(next('30 2 * * *', '2025-03-08T08:00:00Z', 'America/New_York')).toBe('2025-03-10T06:30Z');
  // Every minute goes on through the hour that comes twice.
  expect(next('* * * * *', '2025-11-02T05:59:00Z', 'America/New_York')).toBe('2025-11-02T06:00Z');
  // Midnight did not exist on 2018-11-04 in São Paulo.
  expect(next('0 5 4 11 *', '2018-11-03T12:00:00Z', 'America/Sao_Paulo')).toBe('2018-11-04T07:00Z');
  expect(isTimeZone('Europe/Berlin')).toBe(true);
  expect(isTimeZone('Mars/Olympus')).toBe(false);
});

test.each([
  ['', 'empty spec string'],
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['* * * * 7', 'end of range (7) above maximum (6): 7'],
  ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['a * * * *', 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['@fortnightly', 'unrecognized descriptor: @fortnightly'],
])('%j is refused', (text, message) => {
  expect(() => parseCron(text)).toThrow(message);
});
