import { expect, test } from 'vitest';
import { parseListenAddress } from './listen.ts';

test('addresses of both families are split at the port', () => {
  expect(parseListenAddress('0.0.0.0:10256')).toEqual({ host: '0.0.0.0', port: 10256 });
  expect(parseListenAddress('[::1]:80')).toEqual({ host: '::1', port: 80 });
});

test.each(['10256', ':80', '::1:80', '127.0.0.1', '127.0.0.1:70000', 'localhost:80'])(
  '%s is refused',
  (text) => {
    expect(() => parseListenAddress(text)).toThrow(/is not an address to listen on/);
  },
);
