import { describe, expect, it } from 'vitest';
import { attachCommands, bridgeCommands, detachCommands, podCommands, podNetwork } from './plan.ts';

const cni0 = { name: 'cni0', mtu: 1450 };
const uid = '5f733168-b769-40de-9cec-044eddd8e105';

describe('bridgeCommands', () => {
  it('makes the bridge with the gateway address', () => {
    expect(bridgeCommands(cni0, [], ['10.244.1.0/24', 'fd00:1::/64'])).toEqual([
      'link add cni0 address 0a:58:0a:f4:01:01 mtu 1450 type bridge',
      'address add 10.244.1.1/24 brd + dev cni0',
      'address add fd00:1::1/64 nodad dev cni0',
      'link set cni0 up',
    ]);
  });

  it('leaves a bridge alone that is as it should be', () => {
    const addresses = [
      { local: '10.244.1.1', prefixlen: 24 },
      { local: 'fe80::1', prefixlen: 64 },
    ];
    const bridge = { ifname: 'cni0', flags: ['UP'], addr_info: addresses };
    expect(bridgeCommands(cni0, [bridge], ['10.244.1.0/24'])).toEqual([]);
    expect(bridgeCommands(cni0, [bridge], ['10.244.2.0/24'])).toEqual([
      'address del 10.244.1.1/24 dev cni0',
      'address add 10.244.2.1/24 brd + dev cni0',
    ]);
  });
});

describe('another bridge', () => {
  it('has the name and the mtu it is given, one that stands is changed', () => {
    const weave = { name: 'weave', mtu: 1376 };
    expect(bridgeCommands(weave, [], ['10.32.0.0/24'])[0]).toBe(
      'link add weave address 0a:58:0a:20:00:01 mtu 1376 type bridge',
    );
    const standing = {
      ifname: 'weave',
      mtu: 1450,
      flags: ['UP'],
      addr_info: [{ local: '10.32.0.1', prefixlen: 24 }],
    };
    expect(bridgeCommands(weave, [standing], ['10.32.0.0/24'])).toEqual(['link set weave mtu 1376']);
    expect(
      bridgeCommands(weave, [{ ...standing, mtu: 1376, address: 'de:ad:be:ef:00:01' }], ['10.32.0.0/24']),
    ).toEqual(['link set weave address 0a:58:0a:20:00:01']);
  });
});

describe("a pod's network", () => {
  const network = podNetwork(uid, ['10.244.1.2']);

  it('has names that follow from its uid', () => {
    expect(network.netns).toBe(`cni-${uid}`);
    expect(network.veth).toMatch(/^veth[0-9a-f]{8}$/);
    expect(podNetwork(uid, [])).toMatchObject({ veth: network.veth });
  });

  it('is a pair on the bridge with hairpin', () => {
    expect(attachCommands(network, cni0)).toEqual([
      `netns add cni-${uid}`,
      `link add ${network.veth} mtu 1450 type veth peer name eth0 address 0a:58:0a:f4:01:02 mtu 1450 netns cni-${uid}`,
      `link set ${network.veth} master cni0 up`,
      `link set ${network.veth} type bridge_slave hairpin on`,
      'neighbour replace 10.244.1.2 lladdr 0a:58:0a:f4:01:02 dev cni0 nud permanent',
    ]);
    expect(detachCommands(network, cni0)).toEqual([
      'neighbour del 10.244.1.2 dev cni0',
      `link del ${network.veth}`,
      `netns del cni-${uid}`,
    ]);
  });

  it('has one MAC address in both families, which follows from the first', () => {
    const both = podNetwork(uid, ['fd00:1::2', '10.244.1.2']);
    const commands = [
      ...attachCommands(both, cni0),
      ...podCommands(both, ['fd00:1::/64', '10.244.1.0/24'], ['fd00::/48', '10.244.0.0/16']),
      ...bridgeCommands(cni0, [], ['fd00:1::/64', '10.244.1.0/24']),
    ];
    const macs = (start: RegExp) => commands.flatMap((line) => start.exec(line)?.[1] ?? []);
    const ofPod = macs(/^(?:neighbour replace|link add veth).* (0a:58:\S+)/);
    expect(ofPod).toHaveLength(3);
    expect(new Set(ofPod).size).toBe(1);
    const ofBridge = macs(/^(?:neighbour add|link add cni0).* (0a:58:\S+)/);
    expect(ofBridge).toHaveLength(3);
    expect(new Set(ofBridge)).not.toEqual(new Set(ofPod));
    expect(new Set(ofBridge).size).toBe(1);
  });

  it('has the routes of flannel', () => {
    expect(podCommands(network, ['10.244.1.0/24'], ['10.244.0.0/16'])).toEqual([
      'link set lo up',
      'link set eth0 up',
      'address add 10.244.1.2/24 brd + dev eth0',
      'neighbour add 10.244.1.1 lladdr 0a:58:0a:f4:01:01 dev eth0 nud permanent',
      'route add 10.244.0.0/16 via 10.244.1.1 dev eth0',
      'route add default via 10.244.1.1 dev eth0',
    ]);
  });
});
