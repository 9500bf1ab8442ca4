import { expect, test } from 'vitest';
import { parseRequest } from './control.ts';

test('requests are checked', () => {
  expect(parseRequest('{"do":"status"}')).toEqual({ do: 'status' });
  expect(parseRequest('{"do":"restart","component":"dns","more":1}')).toEqual({
    do: 'restart',
    component: 'dns',
  });
  expect(() => parseRequest('{"do":"restart"}')).toThrow('unknown request');
  expect(() => parseRequest('[]')).toThrow('known are status, restart, stop');
  expect(() => parseRequest('status')).toThrow(SyntaxError);
});
