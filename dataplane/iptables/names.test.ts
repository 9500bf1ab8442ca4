import { expect, test } from 'vitest';
import { endpointChain, serviceChains } from './names.ts';

const tcp = (name: string) => ({ name, protocol: 'TCP' as const });

/** Names seen on real nodes; those with a colon at the end are how releases up to 1.13 wrote an unnamed port. */
test.each([
  ['default/hostnames:default', 'KUBE-SVC-ODX2UBAZM7RQWOIU'],
  ['default/hostnames:', 'KUBE-SVC-NWV5X2332I4OT4T3'],
  ['default/service-test:', 'KUBE-SVC-LY73ZDGF4KGO4YFJ'],
  ['default/webapp1-clusterip-svc:', 'KUBE-SVC-MOFD5WH2RW6MNEJH'],
  ['default/hostnames', 'KUBE-SVC-YN5D6RYVEVZOH44Q'],
  ['default/service-test', 'KUBE-SVC-GBTMB5ZTD56ECL5F'],
  ['default/webapp1-clusterip-svc', 'KUBE-SVC-7UDRNKCFJG5RSQAR'],
  ['ns1/svc1:p80', 'KUBE-SVC-XPGD46QRK7WJZT7O'],
])('%s over TCP is %s', (name, chain) => {
  expect(serviceChains(tcp(name)).cluster).toBe(chain);
});

test.each([
  ['default/hostnames:default', '10.244.1.5:9376', 'KUBE-SEP-LZSOAAIF344LOQYR'],
  ['default/hostnames:default', '10.244.1.6:9376', 'KUBE-SEP-TKZFUYKNSRMALYNM'],
  ['default/hostnames:default', '10.244.1.7:9376', 'KUBE-SEP-7MW3KEEC4RCNSIJ2'],
  ['default/service-test:', '10.36.0.1:8080', 'KUBE-SEP-WHOFXZ2VQXEUUKVO'],
  ['default/webapp1-clusterip-svc:', '10.32.0.5:80', 'KUBE-SEP-XZSXSKAGWEX3WTAR'],
  ['default/webapp1-clusterip-svc:', '10.32.0.6:80', 'KUBE-SEP-YMZLCE5DPP2AQ75P'],
])('endpoint %s %s is %s', (name, endpoint, chain) => {
  expect(endpointChain(tcp(name), endpoint)).toBe(chain);
});

test('the sister chains of a port share its hash', () => {
  expect(serviceChains(tcp('ns5/svc5:p80'))).toEqual({
    cluster: 'KUBE-SVC-NUKIZ6OKUXPJNT4C',
    local: 'KUBE-SVL-NUKIZ6OKUXPJNT4C',
    external: 'KUBE-EXT-NUKIZ6OKUXPJNT4C',
    firewall: 'KUBE-FW-NUKIZ6OKUXPJNT4C',
  });
});
