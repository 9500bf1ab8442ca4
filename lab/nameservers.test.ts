import { expect, test } from 'vitest';
import { hostNameservers, parseNameservers } from './nameservers.ts';

test('nameserver lines are read, at most three, without those tied to an interface', () => {
  const text =
    '# made by hand\nsearch example.org\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 # office\nnameserver fe80::1%eth0\nnameserver none\noptions ndots:5\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n';
  expect(parseNameservers(text)).toEqual(['192.0.2.1', '2001:db8::1', '192.0.2.3']);
  expect(parseNameservers('')).toEqual([]);
});

test("behind systemd-resolved's stub, the servers that it asks follow it", () => {
  const files: Record<string, string> = {
    '/etc/resolv.conf': 'nameserver 127.0.0.53\noptions edns0 trust-ad\n',
    '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n',
  };
  expect(hostNameservers((path) => files[path] ?? '')).toEqual(['127.0.0.53', '192.0.2.1', '192.0.2.2']);
});

test('other hosts are taken as they are', () => {
  const read = (path: string) =>
    path === '/etc/resolv.conf' ? 'nameserver 192.0.2.9' : 'nameserver 192.0.2.1';
  expect(hostNameservers(read)).toEqual(['192.0.2.9']);
  expect(hostNameservers(() => '')).toEqual([]);
});
