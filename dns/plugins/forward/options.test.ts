import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createDispenser } from '../../corefile/dispenser.ts';
import { tokenize } from '../../corefile/lexer.ts';
import { isForwarded, parseOptions } from './options.ts';

describe('directives', () => {
  const addresses = (to: string, options = '') => {
    const tokens = createDispenser('forward', tokenize(`forward . ${to} {\n${options}\n}`, 'Corefile'));
    tokens.next();
    return parseOptions(tokens).to.map(
      ({ transport, host, port, tlsServerName }) => `${transport} ${host} ${port} ${tlsServerName ?? '-'}`,
    );
  };
  test.each([
    ['127.0.0.1', '', ['dns 127.0.0.1 53 -']],
    ['127.0.0.1:8080 dns://[2003::1]:53', '', ['dns 127.0.0.1 8080 -', 'dns 2003::1 53 -']],
    ['::1 127.0.0.1 ::1 127.0.0.1:53', '', ['dns ::1 53 -', 'dns 127.0.0.1 53 -']],
    ['tls://127.0.0.1', 'tls_servername dns', ['tls 127.0.0.1 853 dns']],
    ['tls://127.0.0.1%example.net', 'tls', ['tls 127.0.0.1 853 example.net']],
    [
      'tls://127.0.0.1%example.net:854 tls://127.0.0.2%example.net tls://fe80::1%example.com',
      '',
      ['tls 127.0.0.1 854 example.net', 'tls 127.0.0.2 853 example.net', 'tls fe80::1 853 example.com'],
    ],
    ['tls://[2400:3200::1%dns.alidns.com]:853', '', ['tls 2400:3200::1 853 dns.alidns.com']],
    [
      'tls://[2400:3200::1]:853',
      'tls\ntls_servername dns.alidns.com',
      ['tls 2400:3200::1 853 dns.alidns.com'],
    ],
  ])('forward . %s { %s }', (to, options, expected) => {
    expect(addresses(to, options)).toEqual(expected);
  });

  test.each([
    ['a27.0.0.1', '', 'not an IP address or file: "a27.0.0.1"'],
    ['https://1.1.1.1', '', "'https' is not supported as a destination protocol in forward"],
    ['127.0.0.1', 'blaatl', "unknown property 'blaatl'"],
    [
      '127.0.0.1',
      'health_check 0.5s domain',
      "Wrong argument count or unexpected line ending after 'domain'",
    ],
    ['127.0.0.1', 'health_check no_rec', 'health_check: invalid duration "no_rec"'],
    ['127.0.0.1', 'health_check 0.5s rec', 'health_check: unknown option rec'],
    ['127.0.0.1', 'health_check 0.5s domain example..org', 'health_check: invalid domain name example..org'],
    [
      'tls://127.0.0.1%example.net:854',
      'tls_servername foo',
      "both forward ('foo') and proxy level ('example.net')",
    ],
    ['127.0.0.1', 'policy friendly', "unknown policy 'friendly'"],
    ['127.0.0.1', 'policy', 'Wrong argument count'],
    ['127.0.0.1', 'max_concurrent many', 'max_concurrent: invalid number "many"'],
    ['127.0.0.1', 'max_concurrent -4', "max_concurrent can't be negative: -4"],
    ['127.0.0.1', 'max_connect_attempts -1', "max_connect_attempts can't be negative: -1"],
    ['127.0.0.1', 'max_idle_conns -1', "max_idle_conns can't be negative: -1"],
    ['127.0.0.1', 'expire 10s\nmax_age 1s', 'max_age (1s) must not be less than expire (10s)'],
    ['127.0.0.1', 'max_age -1s', "max_age can't be negative: -1s"],
    ['127.0.0.1', 'read_timeout 0s', 'read_timeout must be positive'],
    ['127.0.0.1', 'next', 'Wrong argument count'],
    ['127.0.0.1', 'next NONSENSE', 'NONSENSE is not a valid rcode'],
    ['127.0.0.1', 'failover NOERROR', 'NoError cannot be used in failover'],
    ['127.0.0.1', 'failover nonsense', 'nonsense is not a valid rcode'],
    ['127.0.0.1', 'failfast_all_unhealthy_upstreams x', 'Wrong argument count'],
    ['127.0.0.1', 'source_address not-an-ip', 'invalid IP address: not-an-ip'],
    ['127.0.0.1', 'source_address', "Wrong argument count or unexpected line ending after 'source_address'"],
    ['127.0.0.1', 'tls a b c d', 'Wrong argument count'],
    [Array.from({ length: 16 }, (_, i) => `10.0.0.${i}`).join(' '), '', 'more than 15 TOs configured: 16'],
  ])('forward . %s { %s } is an error', (to, options, message) => {
    expect(() => addresses(to, options)).toThrow(message);
  });

  test('name servers of a resolv.conf', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'v9s-forward-')), 'resolv.conf');
    writeFileSync(
      file,
      'nameserver 10.10.255.252\nnameserver fe80::1%ens3\n# nameserver 1.1.1.1\noptions x\n',
    );
    expect(addresses(file)).toEqual(['dns 10.10.255.252 53 -', 'dns fe80::1 53 -']);
    rmSync(dirname(file), { recursive: true });
  });

  test('a zone and what is not in it', () => {
    const reached = (directive: string, name: string) => {
      const tokens = createDispenser('forward', tokenize(directive, 'Corefile'));
      tokens.next();
      return isForwarded(parseOptions(tokens), name);
    };
    expect(reached('forward 10.9.3.0/18 127.0.0.1', '1.0.9.10.in-addr.arpa.')).toBe(true);
    expect(reached('forward example.org 127.0.0.1', 'example.com.')).toBe(false);
    expect(reached('forward . 127.0.0.1 {\n except a.org b.org\n}', 'x.b.org.')).toBe(false);
  });
});
