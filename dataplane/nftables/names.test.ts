import { expect, test } from 'vitest';
import { endpointNames, serviceChains } from './names.ts';

/** Facts of upstream's `Test_servicePortChainNameBase` and `Test_servicePortEndpointChainNameBase`. */
const testing = { service: 'testing/service', portName: 'http', protocol: 'TCP' } as const;
const long = {
  service:
    'very-long-namespace-name-abcdefghijklmnopqrstuvwxyz0123456789xx/very-long-service-name-why-would-you-even-do-this-i-mean-really',
  portName: 'port-443-providing-the-hypertext-transmission-protocol-with-tls',
  protocol: 'SCTP',
} as const;
const longText = `${long.service}/sctp/${long.portName}`;

test.each([
  [testing, 'P4ZYZVCF-testing/service/tcp/http'],
  [{ ...testing, portName: 'https' }, 'LZBRENCP-testing/service/tcp/https'],
  [long, `KR6NACJP-${longText}`],
])('the chains of %j', (port, base) => {
  expect(serviceChains(port)).toEqual({
    cluster: `service-${base}`,
    local: `local-${base}`,
    external: `external-${base}`,
    firewall: `firewall-${base}`,
  });
});

test.each([
  [testing, '10.180.0.1', 80, 'JO2XBXZR-testing/service/tcp/http__10.180.0.1/80'],
  [testing, '10.180.0.2', 80, '5S6H3H22-testing/service/tcp/http__10.180.0.2/80'],
  [
    testing,
    'fd80:abcd:12::a1b2:c3d4:e5f6:9999',
    80,
    'U7E2ET36-testing/service/tcp/http__fd80.abcd.12..a1b2.c3d4.e5f6.9999/80',
  ],
  [long, '1234:5678:9abc:def0::abc:1234', 443, `5YS7AFEA-${longText}__1234.5678.9abc.def0..abc.1234/443`],
  // What does not fit is cut; the hash still tells addresses apart.
  [
    long,
    '1234:5678:9abc:def0::abcd:1234:5678',
    443,
    `CI6C53Q3-${longText}__1234.5678.9abc.def0..abcd.1234...`,
  ],
  [
    long,
    '1234:5678:9abc:def0::abcd:1234:8765',
    443,
    `2FLXFK6X-${longText}__1234.5678.9abc.def0..abcd.1234...`,
  ],
])('the chain and the set of %j at %s', (port, ip, number, base) => {
  const { chain, affinity } = endpointNames(port, { ip, port: number });
  expect([chain, affinity]).toEqual([`endpoint-${base}`, `affinity-${base}`]);
  // The kernel's limit is 256 bytes, with the one that ends it.
  expect(affinity.length).toBeLessThan(256);
});
