import { expect, test } from 'vitest';
import { proxyConfiguration } from '../configuration.ts';
import { renderRules } from '../render.ts';
import { service, slice } from '../testing/objects.ts';

/**
 * The six Services of upstream's overall test (`TestOverallNFTablesRules` in
 * `pkg/proxy/nftables/proxier_test.go`) and the table that kube-proxy makes for them.
 */
const p80 = { name: 'p80', port: 80, protocol: 'TCP' };
const objects = [
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: ['172.30.0.0/16'] },
  },
  service('ns1/svc1', { clusterIP: '172.30.0.41', ports: [p80] }),
  service(
    'ns2/svc2',
    {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      clusterIP: '172.30.0.42',
      externalIPs: ['192.168.99.22'],
      healthCheckNodePort: 30000,
      ports: [{ ...p80, nodePort: 3001 }],
    },
    { loadBalancer: ['1.2.3.4'] },
  ),
  service('ns3/svc3', { type: 'NodePort', clusterIP: '172.30.0.43', ports: [{ ...p80, nodePort: 3003 }] }),
  service('ns4/svc4', {
    type: 'NodePort',
    clusterIP: '172.30.0.44',
    externalIPs: ['192.168.99.33'],
    ports: [{ ...p80, targetPort: 80 }],
  }),
  service(
    'ns5/svc5',
    {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Cluster',
      clusterIP: '172.30.0.45',
      healthCheckNodePort: 30000,
      loadBalancerSourceRanges: [' 203.0.113.0/25'],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
      ports: [{ ...p80, nodePort: 3002 }],
    },
    { loadBalancer: ['5.6.7.8'] },
  ),
  service('ns6/svc6', { clusterIP: '172.30.0.46', ports: [{ ...p80, targetPort: 80 }] }),
  slice('ns1/svc1', ['10.180.0.1']),
  slice('ns2/svc2', ['10.180.0.2']),
  slice('ns3/svc3', ['10.180.0.3']),
  slice('ns4/svc4', ['10.180.0.4', { ip: '10.180.0.5', node: 'test-node' }]),
  slice('ns5/svc5', ['10.180.0.3']),
];

/** As upstream's dump, without `add` and `ip kube-proxy`. */
const expected = `
table { comment "rules for kube-proxy" ; }
set cluster-ips { type ipv4_addr ; comment "Active ClusterIPs" ; }
set nodeport-ips { type ipv4_addr ; comment "IPs that accept NodePort traffic" ; }
map firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict ; comment "destinations that are subject to LoadBalancerSourceRanges" ; }
map no-endpoint-nodeports { type inet_proto . inet_service : verdict ; comment "vmap to drop or reject packets to service nodeports with no endpoints" ; }
map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict ; comment "vmap to drop or reject packets to services with no endpoints" ; }
map service-ips { type ipv4_addr . inet_proto . inet_service : verdict ; comment "ClusterIP, ExternalIP and LoadBalancer IP traffic" ; }
map service-nodeports { type inet_proto . inet_service : verdict ; comment "NodePort traffic" ; }
chain cluster-ips-check
chain filter-prerouting-pre-dnat { type filter hook prerouting priority -110 ; }
chain filter-output-pre-dnat { type filter hook output priority -110 ; }
chain filter-forward { type filter hook forward priority 0 ; }
chain filter-input { type filter hook input priority 0 ; }
chain filter-output { type filter hook output priority 0 ; }
chain firewall-check
chain mark-for-masquerade
chain masquerading
chain nat-output { type nat hook output priority -100 ; }
chain nat-postrouting { type nat hook postrouting priority 100 ; }
chain nat-prerouting { type nat hook prerouting priority -100 ; }
chain nodeport-endpoints-check
chain reject-chain { comment "helper for @no-endpoint-services / @no-endpoint-nodeports" ; }
chain services
chain service-endpoints-check
rule cluster-ips-check ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"
rule cluster-ips-check ip daddr { 172.30.0.0/16 } drop comment "Drop traffic to unallocated ClusterIPs"
rule filter-prerouting-pre-dnat ct state new jump firewall-check
rule filter-forward ct state new jump service-endpoints-check
rule filter-forward ct state new jump cluster-ips-check
rule filter-input ct state new jump nodeport-endpoints-check
rule filter-input ct state new jump service-endpoints-check
rule filter-output ct state new jump service-endpoints-check
rule filter-output-pre-dnat ct state new jump firewall-check
rule filter-output ct state new jump cluster-ips-check
rule firewall-check ip daddr . meta l4proto . th dport vmap @firewall-ips
rule mark-for-masquerade mark set mark or 0x4000
rule masquerading mark and 0x4000 == 0 return
rule masquerading mark set mark xor 0x4000
rule masquerading masquerade fully-random
rule nat-output jump services
rule nat-postrouting jump masquerading
rule nat-prerouting jump services
rule nodeport-endpoints-check ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
rule reject-chain reject
rule services ip daddr . meta l4proto . th dport vmap @service-ips
rule services ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
element nodeport-ips { 192.168.0.2 }
rule service-endpoints-check ip daddr . meta l4proto . th dport vmap @no-endpoint-services
chain service-ULMVA6XW-ns1/svc1/tcp/p80
rule service-ULMVA6XW-ns1/svc1/tcp/p80 ip daddr 172.30.0.41 tcp dport 80 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
rule service-ULMVA6XW-ns1/svc1/tcp/p80 numgen random mod 1 vmap { 0 : goto endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80 }
chain endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80
rule endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80 ip saddr 10.180.0.1 jump mark-for-masquerade
rule endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80 meta l4proto tcp dnat to 10.180.0.1:80
element cluster-ips { 172.30.0.41 }
element service-ips { 172.30.0.41 . tcp . 80 : goto service-ULMVA6XW-ns1/svc1/tcp/p80 }
chain service-42NFTM6N-ns2/svc2/tcp/p80
rule service-42NFTM6N-ns2/svc2/tcp/p80 ip daddr 172.30.0.42 tcp dport 80 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
rule service-42NFTM6N-ns2/svc2/tcp/p80 numgen random mod 1 vmap { 0 : goto endpoint-SGOXE6O3-ns2/svc2/tcp/p80__10.180.0.2/80 }
chain external-42NFTM6N-ns2/svc2/tcp/p80
rule external-42NFTM6N-ns2/svc2/tcp/p80 ip saddr 10.0.0.0/8 goto service-42NFTM6N-ns2/svc2/tcp/p80 comment "short-circuit pod traffic"
rule external-42NFTM6N-ns2/svc2/tcp/p80 fib saddr type local jump mark-for-masquerade comment "masquerade local traffic"
rule external-42NFTM6N-ns2/svc2/tcp/p80 fib saddr type local goto service-42NFTM6N-ns2/svc2/tcp/p80 comment "short-circuit local traffic"
chain endpoint-SGOXE6O3-ns2/svc2/tcp/p80__10.180.0.2/80
rule endpoint-SGOXE6O3-ns2/svc2/tcp/p80__10.180.0.2/80 ip saddr 10.180.0.2 jump mark-for-masquerade
rule endpoint-SGOXE6O3-ns2/svc2/tcp/p80__10.180.0.2/80 meta l4proto tcp dnat to 10.180.0.2:80
element cluster-ips { 172.30.0.42 }
element service-ips { 172.30.0.42 . tcp . 80 : goto service-42NFTM6N-ns2/svc2/tcp/p80 }
element service-ips { 192.168.99.22 . tcp . 80 : goto external-42NFTM6N-ns2/svc2/tcp/p80 }
element service-ips { 1.2.3.4 . tcp . 80 : goto external-42NFTM6N-ns2/svc2/tcp/p80 }
element service-nodeports { tcp . 3001 : goto external-42NFTM6N-ns2/svc2/tcp/p80 }
element no-endpoint-nodeports { tcp . 3001 comment "ns2/svc2:p80" : drop }
element no-endpoint-services { 1.2.3.4 . tcp . 80 comment "ns2/svc2:p80" : drop }
element no-endpoint-services { 192.168.99.22 . tcp . 80 comment "ns2/svc2:p80" : drop }
chain service-4AT6LBPK-ns3/svc3/tcp/p80
rule service-4AT6LBPK-ns3/svc3/tcp/p80 ip daddr 172.30.0.43 tcp dport 80 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
rule service-4AT6LBPK-ns3/svc3/tcp/p80 numgen random mod 1 vmap { 0 : goto endpoint-UEIP74TE-ns3/svc3/tcp/p80__10.180.0.3/80 }
chain external-4AT6LBPK-ns3/svc3/tcp/p80
rule external-4AT6LBPK-ns3/svc3/tcp/p80 jump mark-for-masquerade
rule external-4AT6LBPK-ns3/svc3/tcp/p80 goto service-4AT6LBPK-ns3/svc3/tcp/p80
chain endpoint-UEIP74TE-ns3/svc3/tcp/p80__10.180.0.3/80
rule endpoint-UEIP74TE-ns3/svc3/tcp/p80__10.180.0.3/80 ip saddr 10.180.0.3 jump mark-for-masquerade
rule endpoint-UEIP74TE-ns3/svc3/tcp/p80__10.180.0.3/80 meta l4proto tcp dnat to 10.180.0.3:80
element cluster-ips { 172.30.0.43 }
element service-ips { 172.30.0.43 . tcp . 80 : goto service-4AT6LBPK-ns3/svc3/tcp/p80 }
element service-nodeports { tcp . 3003 : goto external-4AT6LBPK-ns3/svc3/tcp/p80 }
chain service-LAUZTJTB-ns4/svc4/tcp/p80
rule service-LAUZTJTB-ns4/svc4/tcp/p80 ip daddr 172.30.0.44 tcp dport 80 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
rule service-LAUZTJTB-ns4/svc4/tcp/p80 numgen random mod 2 vmap { 0 : goto endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80 , 1 : goto endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80 }
chain external-LAUZTJTB-ns4/svc4/tcp/p80
rule external-LAUZTJTB-ns4/svc4/tcp/p80 jump mark-for-masquerade
rule external-LAUZTJTB-ns4/svc4/tcp/p80 goto service-LAUZTJTB-ns4/svc4/tcp/p80
chain endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80
rule endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80 ip saddr 10.180.0.5 jump mark-for-masquerade
rule endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80 meta l4proto tcp dnat to 10.180.0.5:80
chain endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80
rule endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80 ip saddr 10.180.0.4 jump mark-for-masquerade
rule endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80 meta l4proto tcp dnat to 10.180.0.4:80
element cluster-ips { 172.30.0.44 }
element service-ips { 172.30.0.44 . tcp . 80 : goto service-LAUZTJTB-ns4/svc4/tcp/p80 }
element service-ips { 192.168.99.33 . tcp . 80 : goto external-LAUZTJTB-ns4/svc4/tcp/p80 }
set affinity-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 { type ipv4_addr ; flags dynamic,timeout ; timeout 10800s ; }
chain service-HVFWP5L3-ns5/svc5/tcp/p80
rule service-HVFWP5L3-ns5/svc5/tcp/p80 ip daddr 172.30.0.45 tcp dport 80 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
rule service-HVFWP5L3-ns5/svc5/tcp/p80 ip saddr @affinity-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 goto endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80
rule service-HVFWP5L3-ns5/svc5/tcp/p80 numgen random mod 1 vmap { 0 : goto endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 }
chain external-HVFWP5L3-ns5/svc5/tcp/p80
rule external-HVFWP5L3-ns5/svc5/tcp/p80 jump mark-for-masquerade
rule external-HVFWP5L3-ns5/svc5/tcp/p80 goto service-HVFWP5L3-ns5/svc5/tcp/p80
chain endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80
rule endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 ip saddr 10.180.0.3 jump mark-for-masquerade
rule endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 update @affinity-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 { ip saddr }
rule endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 meta l4proto tcp dnat to 10.180.0.3:80
chain firewall-HVFWP5L3-ns5/svc5/tcp/p80
rule firewall-HVFWP5L3-ns5/svc5/tcp/p80 ip saddr != { 203.0.113.0/25 } drop
element cluster-ips { 172.30.0.45 }
element service-ips { 172.30.0.45 . tcp . 80 : goto service-HVFWP5L3-ns5/svc5/tcp/p80 }
element service-ips { 5.6.7.8 . tcp . 80 : goto external-HVFWP5L3-ns5/svc5/tcp/p80 }
element service-nodeports { tcp . 3002 : goto external-HVFWP5L3-ns5/svc5/tcp/p80 }
element firewall-ips { 5.6.7.8 . tcp . 80 : goto firewall-HVFWP5L3-ns5/svc5/tcp/p80 }
element cluster-ips { 172.30.0.46 }
element no-endpoint-services { 172.30.0.46 . tcp . 80 comment "ns6/svc6:p80" : goto reject-chain }
`;

/** The lines by what they are about, in the order they have there: only within a chain does order matter. */
function byObject(text: string): Record<string, string[]> {
  const objects: Record<string, string[]> = {};
  for (const line of text.trim().split('\n')) {
    const [what = '', name = ''] = line.split(' ');
    const key = `${what} ${what === 'table' ? '' : name}`;
    objects[key] = [...(objects[key] ?? []), line];
  }
  for (const [key, lines] of Object.entries(objects)) if (key.startsWith('element')) lines.sort();
  return objects;
}

test('the table is the one that upstream expects, line for line', async () => {
  const text = await renderRules({
    objects,
    nodeName: 'test-node',
    nodeIps: ['192.168.0.2'],
    mode: 'nftables',
    configuration: { clusterCIDR: '10.0.0.0/8', nodePortAddresses: ['192.168.0.2/32'] },
  });
  const got = text.replace(/^add (\S+) ip kube-proxy /gm, '$1 ');
  expect(byObject(got)).toEqual(byObject(expected));
});

test('masqueradeAll and another bit are taken from the configuration of this mode', async () => {
  const configuration = { mode: 'nftables', nftables: { masqueradeAll: true, masqueradeBit: 7 } };
  expect(proxyConfiguration(configuration).iptables.masqueradeAll).toBe(false);
  const text = await renderRules({ objects, nodeName: 'test-node', mode: 'nftables', configuration });
  expect(text).toContain(
    'service-ULMVA6XW-ns1/svc1/tcp/p80 ip daddr 172.30.0.41 tcp dport 80 jump mark-for-masquerade\n',
  );
  expect(text).toContain('mark-for-masquerade mark set mark or 0x80\n');
});

/** Rows of upstream's `TestProxier_OnServiceCIDRsChanged`. */
test.each([
  ['IPv4', '172.30.0.0/16,172.50.0.0/16'],
  ['IPv6', 'fd00:10:96::/112,fd00:172:30::/112'],
] as const)('ClusterIPs of nobody are told by the ServiceCIDRs of %s', async (family, ranges) => {
  const cidrs = [
    ['172.30.0.0/16', 'fd00:10:96::/112'],
    ['172.50.0.0/16', 'fd00:172:30::/112'],
  ].map((cidrs, i) => ({ kind: 'ServiceCIDR', metadata: { name: `c${i}` }, spec: { cidrs } }));
  const text = await renderRules({ objects: cidrs, nodeName: 'test-node', mode: 'nftables', family });
  const ip = family === 'IPv4' ? 'ip' : 'ip6';
  expect(text).toContain(`cluster-ips-check ${ip} daddr { ${ranges} } drop comment `);
});

test('a layout that there is not is refused', () => {
  expect(() => proxyConfiguration({ nftables: { layout: 'round' } })).toThrow(
    'NFTables.Layout: Invalid value: "round": must be upstream,flat or blank',
  );
});
