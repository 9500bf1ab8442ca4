import { execFile } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Dns, startDns } from './main.ts';
import { createTestLog } from './testing/ask.ts';
import { externalName, namespace, pod, service, slice } from './testing/objects.ts';
import { addressReply, startUpstream, type TestUpstream } from './testing/upstream.ts';

/**
 * The specification of DNS-based service discovery (kubernetes/dns docs/specification.md, 1.1.0), section by section,
 * asked with dig over UDP and TCP, IPv4 and IPv6.
 */

const objects = [
  ...['default', 'other'].map(namespace),
  service('default/kubernetes', ['10.3.0.1', 'fd00:3::1'], { https: 443 }),
  service('default/unnamed', ['10.3.0.2'], { '': 80 }),
  service('default/headless', ['None'], { https: 443, metrics: 9100 }),
  slice(
    'headless-1',
    'default/headless',
    [
      { addresses: ['10.3.0.100'], hostname: 'my-pet' },
      { addresses: ['10.3.0.101'], hostname: 'my-pet-2' },
      { addresses: ['10.3.0.102'] },
      { addresses: ['10.3.0.103'], conditions: { ready: false } },
    ],
    { https: 443, metrics: 9100 },
  ),
  slice('headless-2', 'default/headless', [{ addresses: ['fd00:3::100'], hostname: 'my-pet' }], {
    https: 443,
    metrics: 9100,
  }),
  service('default/nobody', ['None'], { https: 443 }),
  slice('nobody-1', 'default/nobody', [{ addresses: ['10.3.0.200'], conditions: { ready: false } }], {
    https: 443,
  }),
  // `publishNotReadyAddresses`: the EndpointSlice controller then says ready.
  service('default/early', ['None'], {}, { publishNotReadyAddresses: true }),
  slice('early-1', 'default/early', [
    { addresses: ['10.3.0.201'], conditions: { ready: true, serving: false } },
  ]),
  // Pods with hostname and subdomain: a headless Service of the subdomain's name.
  service('default/default-subdomain', ['None'], { foo: 1234 }),
  slice(
    'default-subdomain-1',
    'default/default-subdomain',
    ['busybox-1', 'busybox-2'].map((hostname, i) => ({ addresses: [`10.4.0.${i + 1}`], hostname })),
    { foo: 1234 },
  ),
  externalName('default/foo', 'www.example.com'),
  pod('default/web', '10.3.1.1'),
];

const run = promisify(execFile);
const ends: (() => unknown)[] = [];
let dns: Dns;
let outside: TestUpstream;
beforeAll(async () => {
  outside = await startUpstream((query) => addressReply(query, '192.0.2.53', 28_715));
  const end = new AbortController();
  const corefileText = `.:0 {
 kubernetes cluster.local in-addr.arpa ip6.arpa {
  pods insecure
  fallthrough in-addr.arpa ip6.arpa
 }
 forward . 127.0.0.1:${outside.port}
}`;
  dns = await startDns({ corefileText, objects, log: createTestLog() }, { signal: end.signal });
  ends.push(
    () => outside.close(),
    () => dns.ended,
    () => end.abort(),
  );
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

const zone = 'cluster.local.';
const of = (label: string) => `${label}.default.svc.${zone}`;

interface Told {
  status: string | undefined;
  /** Sorted. */
  answer: string[];
  /** Without the data. */
  authority: string[];
}

/** Asks many questions with one dig; `how` is the server's address and the options. */
async function digAll(how: string[], questions: (readonly [name: string, type: string])[]): Promise<Told[]> {
  const port = String(dns.ports.get(':0'));
  const { stdout } = await run(
    'dig',
    [
      '-p',
      port,
      '+tries=1',
      '+time=5',
      '+nocookie',
      ...how,
      ...questions.flatMap((question) => [...question]),
    ],
    { maxBuffer: 1 << 24 },
  );
  return stdout
    .split(';; Got answer:')
    .slice(1)
    .map((text) => {
      const section = (title: string) =>
        (text.split(`;; ${title} SECTION:\n`)[1]?.split('\n\n')[0] ?? '')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => line.split(/\s+/).join(' '));
      return {
        status: /status: (\w+)/.exec(text)?.[1],
        answer: section('ANSWER').sort(),
        authority: section('AUTHORITY').map((line) => line.split(' ').slice(0, 4).join(' ')),
      };
    });
}

const has = (...answer: string[]) => ({ status: 'NOERROR', answer: answer.sort(), authority: [] });
const denied = (status: string, of = zone) => ({ status, answer: [], authority: [`${of} 5 IN SOA`] });
const records = (name: string, type: string, ...data: string[]) =>
  data.map((text) => `${name} 5 IN ${type} ${text}`);
const srv = (name: string, port: number, ...targets: string[]) =>
  has(...targets.map((target) => `${name} 5 IN SRV 0 ${Math.floor(100 / targets.length)} ${port} ${target}`));
const hosts = ['my-pet', 'my-pet-2', '10-3-0-102'].map((label) => `${label}.${of('headless')}`);

const sections: Record<string, [name: string, type: string, expected: object][]> = {
  '2.1 names in any case': [
    [
      'KUBERNETES.Default.svc.cluster.local.',
      'A',
      has(...records('KUBERNETES.Default.svc.cluster.local.', 'A', '10.3.0.1')),
    ],
    [`MY-PET.${of('headless')}`, 'A', has(...records(`MY-PET.${of('headless')}`, 'A', '10.3.0.100'))],
  ],
  '2.2 the version of the schema': [
    ['dns-version.cluster.local.', 'TXT', has('dns-version.cluster.local. 28800 IN TXT "1.1.0"')],
  ],
  '2.3 a Service with cluster addresses': [
    [of('kubernetes'), 'A', has(...records(of('kubernetes'), 'A', '10.3.0.1'))],
    [of('kubernetes'), 'AAAA', has(...records(of('kubernetes'), 'AAAA', 'fd00:3::1'))],
    [of('unnamed'), 'AAAA', denied('NOERROR')],
    [
      of('_https._tcp.kubernetes'),
      'SRV',
      has(`${of('_https._tcp.kubernetes')} 5 IN SRV 0 50 443 ${of('kubernetes')}`),
    ],
    [of('_http._tcp.unnamed'), 'SRV', denied('NXDOMAIN')],
    ['1.0.3.10.in-addr.arpa.', 'PTR', has(...records('1.0.3.10.in-addr.arpa.', 'PTR', of('kubernetes')))],
    [
      '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.0.0.0.0.0.d.f.ip6.arpa.',
      'PTR',
      has(
        ...records(
          '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.0.0.0.0.0.d.f.ip6.arpa.',
          'PTR',
          of('kubernetes'),
        ),
      ),
    ],
    [of('absent'), 'A', denied('NXDOMAIN')],
    [`kubernetes.other.svc.${zone}`, 'A', denied('NXDOMAIN')],
    [`kubernetes.nowhere.svc.${zone}`, 'A', denied('NXDOMAIN')],
  ],
  '2.4 a headless Service': [
    [of('headless'), 'A', has(...records(of('headless'), 'A', '10.3.0.100', '10.3.0.101', '10.3.0.102'))],
    [of('headless'), 'AAAA', has(...records(of('headless'), 'AAAA', 'fd00:3::100'))],
    [`my-pet.${of('headless')}`, 'A', has(...records(`my-pet.${of('headless')}`, 'A', '10.3.0.100'))],
    [`my-pet.${of('headless')}`, 'AAAA', has(...records(`my-pet.${of('headless')}`, 'AAAA', 'fd00:3::100'))],
    [`my-pet-2.${of('headless')}`, 'AAAA', denied('NOERROR')],
    [`nobody.${of('headless')}`, 'A', denied('NXDOMAIN')],
    [of('nobody'), 'A', denied('NXDOMAIN')],
    [of('early'), 'A', has(...records(of('early'), 'A', '10.3.0.201'))],
    [
      of('_metrics._tcp.headless'),
      'SRV',
      // Four addresses of three hosts: my-pet has one of each family.
      has(...hosts.map((target) => `${of('_metrics._tcp.headless')} 5 IN SRV 0 25 9100 ${target}`)),
    ],
    [
      of('_foo._tcp.default-subdomain'),
      'SRV',
      srv(
        of('_foo._tcp.default-subdomain'),
        1234,
        `busybox-1.${of('default-subdomain')}`,
        `busybox-2.${of('default-subdomain')}`,
      ),
    ],
    [
      `busybox-1.${of('default-subdomain')}`,
      'A',
      has(...records(`busybox-1.${of('default-subdomain')}`, 'A', '10.4.0.1')),
    ],
    [
      '100.0.3.10.in-addr.arpa.',
      'PTR',
      has(...records('100.0.3.10.in-addr.arpa.', 'PTR', `my-pet.${of('headless')}`)),
    ],
  ],
  '2.5 an external name': [
    [
      of('foo'),
      'A',
      has(`${of('foo')} 5 IN CNAME www.example.com.`, 'www.example.com. 28715 IN A 192.0.2.53'),
    ],
    [of('foo'), 'CNAME', has(`${of('foo')} 5 IN CNAME www.example.com.`)],
  ],
  '2.6 names of pods': [
    [`10-3-1-1.default.pod.${zone}`, 'A', has(...records(`10-3-1-1.default.pod.${zone}`, 'A', '10.3.1.1'))],
    [`10-3-1-1.nowhere.pod.${zone}`, 'A', denied('NXDOMAIN')],
  ],
  'the zone itself': [
    [zone, 'A', denied('NOERROR')],
    [zone, 'MX', denied('NOERROR')],
    [`svc.${zone}`, 'A', denied('NOERROR')],
    [`default.svc.${zone}`, 'A', denied('NOERROR')],
    [`nowhere.${zone}`, 'A', denied('NXDOMAIN')],
  ],
};

const hasIpv6 = networkInterfaces().lo?.some(({ address }) => address === '::1');
if (!hasIpv6) console.warn('not asked over IPv6: this machine has no ::1');
const ways = [['@127.0.0.1'], ['@127.0.0.1', '+tcp'], ...(hasIpv6 ? [['@::1'], ['@::1', '+tcp']] : [])];

describe.each(ways.map((how) => how.join(' ')))('dig %s', (how) => {
  let told: Told[] = [];
  const questions = Object.values(sections).flat();
  beforeAll(async () => {
    told = await digAll(
      how.split(' '),
      questions.map(([name, type]) => [name, type]),
    );
  });
  for (const [section, cases] of Object.entries(sections))
    test.each(cases)(`${section}: %s %s`, (name, type, expected) => {
      const index = questions.findIndex((question) => question[0] === name && question[1] === type);
      expect(told).toHaveLength(questions.length);
      expect(told[index]).toEqual(expected);
    });
});

test('SOA and NS of the zone', async () => {
  const [soa, ns] = await digAll(
    ['@127.0.0.1'],
    [
      [zone, 'SOA'],
      [zone, 'NS'],
    ],
  );
  expect(soa?.answer[0]).toMatch(
    /^cluster\.local\. 5 IN SOA ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. \d+ 7200 1800 86400 5$/,
  );
  expect(ns?.answer).toEqual([`${zone} 5 IN NS ns.dns.${zone}`]);
});

test('a reverse name that is not here is passed on', async () => {
  const before = outside.asked.length;
  await digAll(['@127.0.0.1'], [['9.9.9.9.in-addr.arpa.', 'PTR']]);
  expect(outside.asked.slice(before).map(({ lower }) => lower)).toEqual(['9.9.9.9.in-addr.arpa.']);
});

test('the zone may not be copied', async () => {
  const { stdout } = await run('dig', ['-p', String(dns.ports.get(':0')), '@127.0.0.1', zone, 'AXFR']);
  expect(stdout).toContain('Transfer failed');
});
