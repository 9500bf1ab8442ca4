import { expect, test } from 'vitest';
import { parseRequest } from './control.ts';

test('requests are checked', () => {
  expect(parseRequest('{"do":"status"}')).toEqual({ do: 'status' });
  expect(parseRequest('{"do":"restart","component":"dns","more":1}')).toEqual({
    do: 'restart',
    component: 'dns',
  });
  expect(() => parseRequest('{"do":"restart"}')).toThrow('unknown request');
  const remove = { do: 'remove-node', node: 'worker', netns: ['cni-1'] } as const;
  expect(parseRequest(JSON.stringify(remove))).toEqual(remove);
  expect(() => parseRequest('{"do":"remove-node","node":"worker","netns":["a b"]}')).toThrow(
    'netns must be a list of names',
  );
  expect(() => parseRequest('[]')).toThrow(
    'known are status, restart, stop, add-component, add-node, remove-node',
  );
  expect(() => parseRequest('status')).toThrow(SyntaxError);
});
