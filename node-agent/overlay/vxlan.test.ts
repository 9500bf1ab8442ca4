import { describe, expect, it } from 'vitest';
import type { Node } from '../../api/types.ts';
import { flannelRules } from './masquerade.ts';
import { type Peer, peerCommands, peerOf } from './vxlan.ts';

const peer: Peer = { mac: 'fe:6a:32:be:76:67', podCidr: '10.244.1.0/24', publicIp: '172.18.0.3' };
const nothing = { routes: [], neighbours: {}, fdb: {} };
const standing = {
  routes: ['10.244.1.0/24'],
  neighbours: { '10.244.1.0': peer.mac },
  fdb: { [peer.mac]: '172.18.0.3' },
};

describe('peerCommands', () => {
  it('gives a new node a neighbour, a forwarding entry and an onlink route', () => {
    expect(peerCommands('flannel.1', [peer], nothing)).toEqual({
      bridge: ['fdb replace fe:6a:32:be:76:67 dev flannel.1 dst 172.18.0.3 self permanent'],
      ip: [
        'neighbour replace 10.244.1.0 lladdr fe:6a:32:be:76:67 dev flannel.1 nud permanent',
        'route replace 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      ],
    });
  });

  it('does nothing when all is there', () => {
    expect(peerCommands('flannel.1', [peer], standing)).toEqual({ ip: [], bridge: [] });
  });

  it('takes everything of a node that has gone', () => {
    expect(peerCommands('flannel.1', [], standing)).toEqual({
      bridge: ['fdb del fe:6a:32:be:76:67 dev flannel.1 dst 172.18.0.3'],
      ip: ['route del 10.244.1.0/24 dev flannel.1', 'neighbour del 10.244.1.0 dev flannel.1'],
    });
  });

  it('follows a node whose device has another address', () => {
    const moved = { ...peer, mac: '02:00:00:00:00:01' };
    const { ip, bridge } = peerCommands('flannel.1', [moved], standing);
    expect(bridge).toHaveLength(2);
    expect(ip).toEqual(['neighbour replace 10.244.1.0 lladdr 02:00:00:00:00:01 dev flannel.1 nud permanent']);
  });
});

describe('peerOf', () => {
  const node: Node = {
    metadata: {
      name: 'worker',
      annotations: {
        'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"fe:6a:32:be:76:67"}',
        'flannel.alpha.coreos.com/public-ip': '172.18.0.3',
      },
    },
    spec: { podCIDR: '10.244.1.0/24' },
  };

  it('reads the annotations that flannel writes', () => {
    expect(peerOf(node, 'IPv4')).toEqual(peer);
    expect(peerOf(node, 'IPv6')).toBeUndefined();
    expect(peerOf({ metadata: { name: 'worker' } }, 'IPv4')).toBeUndefined();
  });
});

describe('flannelRules', () => {
  it('adds the entry rules only where they are missing', () => {
    const all = flannelRules('10.244.1.0/24', '10.244.0.0/16', { postrouting: true, forward: true });
    expect(all).toContain('-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG\n');
    expect(all).toContain(
      '-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully\n',
    );
    const chains = flannelRules('10.244.1.0/24', '10.244.0.0/16', { postrouting: false, forward: false });
    expect(chains).not.toMatch(/-A (POSTROUTING|FORWARD)/);
  });
});
