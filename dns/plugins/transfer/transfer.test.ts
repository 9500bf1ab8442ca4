import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { startDns } from '../../main.ts';
import { createTestLog, queryFor, told } from '../../testing/ask.ts';
import { namespace, service, slice, upstreamCluster } from '../../testing/objects.ts';
import { chainOf, setUp } from '../../testing/plugin.ts';
import type { Query } from '../../wire/message.ts';
import { transfer } from './plugin.ts';

/** The facts of upstream's plugin/transfer/*_test.go and plugin/kubernetes/xfr_test.go. */

const folder = mkdtempSync(join(tmpdir(), 'v9s-transfer-'));
afterAll(() => rmSync(folder, { recursive: true }));
const zoneFile = join(folder, 'db.example.org');
writeFileSync(
  zoneFile,
  'example.org. SOA ns. mail. 7 1 1 1 1\nexample.org. NS ns\nwww.example.org. A 10.0.0.1\na.b.example.org. TXT x\n',
);

const tcp: Partial<Query> = { protocol: 'tcp' };
const corefile = (to: string, zones = '') =>
  `. {\n transfer ${zones} {\n  to ${to}\n }\n file ${zoneFile} example.org\n kubernetes cluster.local {\n  namespaces testns kube-system\n }\n}`;
const local = { localAddresses: () => ['10.0.0.10'] };
const lines = async (
  corefileText: string,
  name: string,
  extra: Partial<Query> = {},
  objects = upstreamCluster,
) => {
  const reply = await chainOf(corefileText, objects, local)(queryFor(name, 'AXFR', { ...tcp, ...extra }));
  return { rcode: told(reply).rcode, records: reply.answers.length, transfer: reply.transfer ?? false };
};

describe('who may have a zone', () => {
  const client = (address: string) => ({ client: { address, port: 1 } });
  test.each([
    ['*', client('10.9.9.9'), 'NOERROR'],
    ['10.9.9.9', client('10.9.9.9'), 'NOERROR'],
    ['10.9.9.9:5353', client('::ffff:10.9.9.9'), 'NOERROR'],
    ['10.9.9.8 10.9.9.9', client('10.9.9.9'), 'NOERROR'],
    ['10.9.9.8', client('10.9.9.9'), 'REFUSED'],
    ['*', { protocol: 'udp' as const }, 'REFUSED'],
  ])('to %s: %o is %s', async (to, extra, rcode) => {
    expect((await lines(corefile(to), 'example.org.', extra)).rcode).toBe(rcode);
  });

  test('a zone that is not named, and everything without the plugin, is refused', async () => {
    expect((await lines(corefile('*', 'example.com'), 'example.org.')).rcode).toBe('REFUSED');
    expect((await lines(`. {\n file ${zoneFile} example.org\n}`, 'example.org.')).rcode).toBe('REFUSED');
    expect((await lines('. {\n kubernetes cluster.local\n}', 'cluster.local.')).rcode).toBe('REFUSED');
  });

  test('a name inside a zone is none', async () => {
    expect((await lines(corefile('*'), 'www.example.org.')).rcode).toBe('REFUSED');
    expect((await lines(corefile('*'), 'testns.svc.cluster.local.')).rcode).toBe('REFUSED');
  });

  test('IXFR: the SOA alone for the current serial, everything for another, SERVFAIL without one', async () => {
    const handler = chainOf(corefile('*'));
    const ixfr = async (extra: Partial<Query>) => {
      const reply = await handler(queryFor('example.org.', 'IXFR', { ...tcp, ...extra }));
      return `${told(reply).rcode} ${reply.answers.length}`;
    };
    expect(await ixfr({ serial: 7 })).toBe('NOERROR 1');
    expect(await ixfr({ serial: 6 })).toBe('NOERROR 5');
    expect(await ixfr({})).toBe('SERVFAIL 0');
  });

  test.each([
    ['transfer', "'to' is required"],
    ['transfer {\n to\n }', 'Wrong argument count'],
    ['transfer {\n to nobody\n }', 'not an IP address: "nobody"'],
    ['transfer {\n to *\n source nobody\n }', 'invalid source address "nobody"'],
    ['transfer {\n from *\n }', "unknown property 'from'"],
  ])('%s is an error', (directive, message) => {
    expect(() => setUp(transfer, directive)).toThrow(message);
  });
});

describe('over the wire', () => {
  const run = promisify(execFile);
  async function dig(
    corefileText: string,
    objects: typeof upstreamCluster,
    ...args: string[]
  ): Promise<string[]> {
    const end = new AbortController();
    const dns = await startDns({ corefileText, objects, log: createTestLog() }, { signal: end.signal });
    try {
      const port = String(dns.ports.get(':0'));
      const { stdout } = await run('dig', ['@127.0.0.1', '-p', port, '+noidnout', ...args]);
      return stdout
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith(';'))
        .map((line) => line.split(/\s+/).join(' '));
    } finally {
      end.abort();
      await dns.ended;
    }
  }

  test('a zone file', async () => {
    const soa = 'example.org. 3600 IN SOA ns. mail. 7 1 1 1 1';
    expect(
      await dig(corefile('127.0.0.1').replace('. {', '.:0 {'), upstreamCluster, 'example.org', 'AXFR'),
    ).toEqual([
      soa,
      'example.org. 3600 IN NS ns.example.org.',
      'www.example.org. 3600 IN A 10.0.0.1',
      'a.b.example.org. 3600 IN TXT "x"',
      soa,
    ]);
  });

  test('the zone of a cluster, Services by name', async () => {
    const svc = 'testns.svc.cluster.local.';
    const ip = (name: string, type: string, data: string) => `${name} 5 IN ${type} ${data}`;
    const services = (name: string, ips: [string, string][], port = 80, label = '_http._tcp') => [
      ...ips.map(([type, data]) => ip(name, type, data)),
      `${name} 5 IN SRV 0 100 ${port} ${name}`,
      `${label}.${name} 5 IN SRV 0 100 ${port} ${name}`,
    ];
    const endpoint = (label: string, type: string, data: string) => [
      ip(`hdls1.${svc}`, type, data),
      ip(`${label}.hdls1.${svc}`, type, data),
      `_http._tcp.hdls1.${svc} 5 IN SRV 0 16 80 ${label}.hdls1.${svc}`,
    ];
    const found = await dig(
      '.:0 {\n transfer {\n to *\n }\n kubernetes cluster.local {\n  namespaces testns kube-system\n }\n}',
      upstreamCluster,
      'cluster.local',
      'AXFR',
    );
    expect(found[0]).toMatch(/^cluster\.local\. 5 IN SOA ns\.dns\.cluster\.local\. /);
    expect(found.at(-1)).toBe(found[0]);
    const rest = found.slice(1, -1).filter((line) => !/ NS |^ns\.dns\./.test(line));
    expect(rest).toEqual([
      `external.${svc} 5 IN CNAME ext.interwebs.test.`,
      `external-to-service.${svc} 5 IN CNAME svc1.${svc}`,
      ...endpoint('172-0-0-2', 'A', '172.0.0.2'),
      ...endpoint('172-0-0-3', 'A', '172.0.0.3'),
      ...endpoint('dup-name', 'A', '172.0.0.4'),
      ...endpoint('dup-name', 'A', '172.0.0.5'),
      ...endpoint('5678-abcd--1', 'AAAA', '5678:abcd::1'),
      ...endpoint('5678-abcd--2', 'AAAA', '5678:abcd::2'),
      ip(`hdlsprtls.${svc}`, 'A', '172.0.0.20'),
      ip(`172-0-0-20.hdlsprtls.${svc}`, 'A', '172.0.0.20'),
      ...services('kubedns.kube-system.svc.cluster.local.', [['A', '10.0.0.10']], 53, '_dns._tcp'),
      ...services(`svc-dual-stack.${svc}`, [
        ['A', '10.0.0.3'],
        ['AAAA', '10::3'],
      ]),
      ...services(`svc1.${svc}`, [['A', '10.0.0.1']]),
      ...services(`svc6.${svc}`, [['AAAA', '1234:abcd::1']]),
      ...services(`svcempty.${svc}`, [['A', '10.0.0.1']]),
    ]);
  });

  test('a zone of more records than a message can hold', async () => {
    const objects = [
      namespace('ns'),
      service('ns/many', ['None']),
      ...Array.from({ length: 50 }, (_, i) =>
        slice(
          `many-${i}`,
          'ns/many',
          Array.from({ length: 100 }, (_, j) => `10.1.${i}.${j}`),
          { http: 80 },
        ),
      ),
    ];
    const found = await dig(
      '.:0 {\n transfer {\n to *\n }\n kubernetes cluster.local\n}',
      objects,
      'cluster.local',
      'AXFR',
    );
    expect(found.filter((line) => line.includes(' SRV '))).toHaveLength(5_000);
  });
});

test('two name servers of one name are one NS record and two addresses', async () => {
  const handler = chainOf('. {\n transfer {\n to *\n }\n kubernetes cluster.local\n}', upstreamCluster, {
    localAddresses: () => ['10.0.0.10', 'fd00::10'],
  });
  const { answers } = await handler(queryFor('cluster.local.', 'AXFR', tcp));
  expect(answers[0]?.type).toBe('SOA');
  expect(answers.at(-1)?.type).toBe('SOA');
  const owners = answers.filter(({ name }) => name === 'ns.dns.cluster.local.').map(({ type }) => type);
  expect(owners).toEqual(['A', 'AAAA']);
  expect(answers.filter(({ type }) => type === 'NS')).toHaveLength(1);
});
