import { describe, expect, it } from 'vitest';
import { mapRules, podChain, unmapRules } from './host-ports.ts';

const target = { id: 'u-1', ip: '10.244.1.5', subnet: '10.244.1.0/24' };
const ports = [
  { protocol: 'TCP', hostPort: 8080, containerPort: 80 },
  { protocol: 'TCP', hostPort: 8443, containerPort: 443, hostIp: '172.18.0.3' },
  { protocol: 'UDP', hostPort: 53, containerPort: 5353 },
  { protocol: 'TCP', hostPort: 9, containerPort: 9, hostIp: 'fd00::1' },
];
const chain = podChain('u-1');

describe('host ports', () => {
  it("are the portmap plugin's rules", () => {
    expect(chain).toMatch(/^CNI-DN-[0-9a-f]{21}$/);
    const rules = mapRules(target, ports, '').split('\n');
    expect(rules).toEqual([
      '*nat',
      ':CNI-HOSTPORT-DNAT - [0:0]',
      ':CNI-HOSTPORT-SETMARK - [0:0]',
      ':CNI-HOSTPORT-MASQ - [0:0]',
      `:${chain} - [0:0]`,
      '-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
      '-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000',
      '-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE',
      `-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"cbr0\\" id: \\"u-1\\"" -m multiport --dports 8080,8443 -j ${chain}`,
      `-A CNI-HOSTPORT-DNAT -p udp -m comment --comment "dnat name: \\"cbr0\\" id: \\"u-1\\"" -m multiport --dports 53 -j ${chain}`,
      `-A ${chain} -s 10.244.1.0/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -s 127.0.0.1 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.244.1.5:80`,
      `-A ${chain} -s 10.244.1.0/24 -d 172.18.0.3 -p tcp -m tcp --dport 8443 -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -s 127.0.0.1 -d 172.18.0.3 -p tcp -m tcp --dport 8443 -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -d 172.18.0.3 -p tcp -m tcp --dport 8443 -j DNAT --to-destination 10.244.1.5:443`,
      `-A ${chain} -s 10.244.1.0/24 -p udp -m udp --dport 53 -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -s 127.0.0.1 -p udp -m udp --dport 53 -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -p udp -m udp --dport 53 -j DNAT --to-destination 10.244.1.5:5353`,
      'COMMIT',
      '',
    ]);
  });

  it('are mapped anew where an earlier attempt has left something, and taken away whole', () => {
    const entry = `-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "x" -m multiport --dports 8080 -j ${chain}`;
    const present = [
      '*nat',
      ...['CNI-HOSTPORT-DNAT', 'CNI-HOSTPORT-SETMARK', 'CNI-HOSTPORT-MASQ', chain].map(
        (name) => `:${name} - [0:0]`,
      ),
      '-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
      entry,
      'COMMIT',
    ].join('\n');
    const again = mapRules(target, ports, present).split('\n');
    expect(again.slice(0, 4)).toEqual([
      '*nat',
      `:${chain} - [0:0]`,
      entry.replace('-A', '-D'),
      '-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
    ]);
    expect(again[4]).toMatch(/^-A CNI-HOSTPORT-DNAT -p tcp/);
    expect(unmapRules('u-1', present)).toBe(
      `*nat\n:${chain} - [0:0]\n${entry.replace('-A', '-D')}\n-X ${chain}\nCOMMIT\n`,
    );
    expect(unmapRules('u-2', present)).toBeUndefined();
  });
});
