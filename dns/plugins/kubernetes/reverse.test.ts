import { expect, test } from 'vitest';
import { ask, refuse } from '../../testing/ask.ts';
import { namespace, service, slice } from '../../testing/objects.ts';
import { chainOf } from '../../testing/plugin.ts';
import { addressOfReverseName, reverseName } from '../../wire/addresses.ts';
import { createFallthrough } from '../fallthrough.ts';
import { createHandler } from './answer.ts';
import { createRecords } from './records.ts';

/** The facts of upstream's plugin/kubernetes/reverse_test.go. */

const ip6Zone = '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.c.b.a.4.3.2.1.ip6.arpa.';
const ip6ZoneTwo = '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.0.0.7.7.0.0.0.0.d.f.ip6.arpa.';
const objects = [
  namespace('testns'),
  service('testns/svc1', ['192.168.1.100'], { http: 80 }),
  slice(
    'svc1-slice1',
    'testns/svc1',
    [
      { addresses: ['10.0.0.100'], hostname: 'ep1a' },
      { addresses: ['10.0.0.99'], hostname: 'double-ep' },
    ],
    { http: 80 },
  ),
  slice(
    'svc1-slice2',
    'testns/svc1',
    [
      { addresses: ['1234:abcd::1'], hostname: 'ep1b' },
      { addresses: ['fd00:77:30::a'], hostname: 'ip6svc1ex' },
      { addresses: ['fd00:77:30::2:9ba6'], hostname: 'ip6svc1in' },
    ],
    { http: 80 },
  ),
  slice('svc1-slice3', 'testns/svc1', [{ addresses: ['10.0.0.100'], hostname: 'ep1a' }], { http: 80 }),
  service('testns/svc2', ['192.168.1.101'], { http: 80 }),
  slice('svc2-slice1', 'testns/svc2', [{ addresses: ['10.0.0.99'], hostname: 'double-ep' }], { http: 80 }),
];
const zones = ['cluster.local', '0.10.in-addr.arpa', '168.192.in-addr.arpa', ip6Zone, ip6ZoneTwo].join(' ');
const handler = chainOf(`. {\n kubernetes ${zones}\n}`, objects);

const ptr = (name: string, ...targets: string[]) => ({
  rcode: 'NOERROR',
  answer: targets.map((target) => `${name} 5 IN PTR ${target}.testns.svc.cluster.local.`),
  authority: [],
  additional: [],
});
const denied = (rcode: string, zone: string) => ({
  rcode,
  answer: [],
  authority: [`${zone} 5 IN SOA ns.dns.${zone} hostmaster.${zone} SERIAL 7200 1800 86400 5`],
  additional: [],
});
const of = (address: string) => reverseName(address) ?? '';

test.each([
  [of('10.0.0.100'), 'PTR', ptr(of('10.0.0.100'), 'ep1a.svc1')],
  [of('192.168.1.100'), 'PTR', ptr(of('192.168.1.100'), 'svc1')],
  [of('1234:abcd::1'), 'PTR', ptr(of('1234:abcd::1'), 'ep1b.svc1')],
  [of('fd00:77:30::a'), 'PTR', ptr(of('fd00:77:30::a'), 'ip6svc1ex.svc1')],
  [of('fd00:77:30::2:9ba6'), 'PTR', ptr(of('fd00:77:30::2:9ba6'), 'ip6svc1in.svc1')],
  ['101.0.0.10.in-addr.arpa.', 'PTR', denied('NXDOMAIN', '0.10.in-addr.arpa.')],
  ['example.org.cluster.local.', 'PTR', denied('NXDOMAIN', 'cluster.local.')],
  ['svc1.testns.svc.cluster.local.', 'PTR', denied('NOERROR', 'cluster.local.')],
  ['svc1.testns.svc.0.10.in-addr.arpa.', 'A', denied('NXDOMAIN', '0.10.in-addr.arpa.')],
  ['100.0.0.10.cluster.local.', 'PTR', denied('NXDOMAIN', 'cluster.local.')],
  [of('10.0.0.99'), 'PTR', ptr(of('10.0.0.99'), 'double-ep.svc1', 'double-ep.svc2')],
])('%s %s', async (name, type, expected) => {
  expect(await ask(handler, name, type)).toEqual(expected);
});

test('fallthrough passes on what is not there, for its zones only', async () => {
  const falling = chainOf(
    '. {\n kubernetes cluster.local in-addr.arpa {\n  fallthrough in-addr.arpa\n }\n whoami\n}',
    objects,
  );
  expect((await ask(falling, '1.2.3.4.in-addr.arpa.', 'PTR')).authority).toEqual([]);
  expect((await ask(falling, 'nobody.testns.svc.cluster.local.')).rcode).toBe('NXDOMAIN');
});

test('a reverse name and its address', () => {
  expect(addressOfReverseName('54.119.58.176.in-addr.arpa.')).toBe('176.58.119.54');
  expect(addressOfReverseName('.58.176.in-addr.arpa.')).toBeUndefined();
  expect(addressOfReverseName('b.in-addr.arpa.')).toBeUndefined();
  expect(addressOfReverseName(of('fd00::1'))).toBe('fd00::1');
});

test('before the first sync what is missing is SERVFAIL, not NXDOMAIN; what is known is answered', async () => {
  const records = createRecords();
  for (const object of objects) records.put(object);
  const unsynced = createHandler({
    records: () => records,
    options: {
      zones: ['cluster.local.'],
      primaryZone: 'cluster.local.',
      pods: 'disabled',
      endpointPodNames: false,
      ttl: 5,
      namespaces: new Set(),
      noEndpoints: false,
      zonal: false,
      multiclusterZones: [],
      ignoreEmptyService: false,
      fallthrough: createFallthrough(undefined),
      startupTimeout: 0,
    },
    localAddresses: () => [],
    lookup: refuse,
    next: refuse,
  });
  expect((await ask(unsynced, 'svc0.testns.svc.cluster.local.')).rcode).toBe('SERVFAIL');
  expect((await ask(unsynced, 'svc1.testns.svc.cluster.local.')).rcode).toBe('NOERROR');
  records.markSynced();
  expect((await ask(unsynced, 'svc0.testns.svc.cluster.local.')).rcode).toBe('NXDOMAIN');
});
