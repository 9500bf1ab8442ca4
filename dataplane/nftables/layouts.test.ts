import { expect, test } from 'vitest';
import { renderRules } from '../render.ts';
import { randomConfiguration, randomFrom, randomObjects } from '../testing/random.ts';
import { type Packet, type Rules, readRules, trace } from '../trace.ts';

/** Every kind of sender, to every address of the Services of a text and to ports that no Service has. */
function packetsOf(text: string, nodeIp: string, senders: readonly string[]): Packet[] {
  const frontends = [
    ...text.matchAll(
      /^add element \S+ kube-proxy (?:service|no-endpoint-service)\S* \{ (\S+) \. (tcp|udp|sctp)(?: \. (\d+))?/gm,
    ),
  ];
  const targets = frontends.flatMap(([, first = '', protocol = '', port]) =>
    port === undefined
      ? []
      : [
          { destination: first, protocol, port: Number(port) },
          { destination: first, protocol, port: 9 },
        ],
  );
  const nodePorts = [...text.matchAll(/kube-proxy \S*nodeports \{ (tcp|udp|sctp) \. (\d+)/g)].map(
    ([, protocol = '', port]) => ({ destination: nodeIp, protocol, port: Number(port) }),
  );
  const isPod = (source: string) => /^(10\.244|fd00:244)/.test(source);
  return senders.flatMap((source) =>
    [...targets, ...nodePorts].map((target) => ({
      source,
      ...target,
      nodeIps: [nodeIp],
      // What the node itself sends comes in nowhere.
      ...(source === nodeIp ? {} : { interface: isPod(source) ? 'veth1' : 'eth0' }),
    })),
  );
}

/** What becomes of a packet, in an order of its own. */
function outcomes(rules: Rules, packet: Packet): string[] {
  return trace(rules, packet)
    .map((one) =>
      one.verdict === 'accept'
        ? `${one.to}${one.masqueraded ? ' masq' : ''} ${one.probability.toFixed(6)}`
        : one.verdict,
    )
    .sort();
}

test.each(Array.from({ length: 12 }, (_, seed) => seed))(
  'both layouts lead every packet to the same places (seed %i)',
  async (seed) => {
    const random = randomFrom(seed);
    const four = random(3) > 0;
    const objects = randomObjects(random);
    const byInterface = {
      detectLocalMode: 'InterfaceNamePrefix',
      detectLocal: { interfaceNamePrefix: 'veth' },
    };
    const configuration = {
      ...randomConfiguration(random),
      nftables: { masqueradeAll: random(3) === 0 },
      ...(random(4) ? {} : byInterface),
      ...(random(6) ? {} : { clusterCIDR: '' }),
    };
    const text = (nftablesLayout: 'upstream' | 'flat') =>
      renderRules({
        objects,
        nodeName: 'worker',
        family: four ? 'IPv4' : 'IPv6',
        mode: 'nftables',
        nftablesLayout,
        configuration,
      });
    const upstream = await text('upstream');
    const [one, other] = [readRules(upstream), readRules(await text('flat'))];
    const nodeIp = four ? '172.18.0.3' : 'fd00:172::3';
    // A pod, an endpoint here, an endpoint elsewhere, the node, clients in and out of source ranges.
    const senders = four
      ? [
          '10.244.0.77',
          '10.244.1.3',
          '10.244.0.5',
          nodeIp,
          '127.0.0.1',
          '172.18.0.9',
          '192.0.2.77',
          '203.0.113.1',
        ]
      : ['fd00:244::77', 'fd00:244::3', nodeIp, '::1', 'fd00:172::9', '2001:db8:9::1'];
    const packets = packetsOf(upstream, nodeIp, senders);
    expect(packets.length).toBeGreaterThan(0);
    for (const packet of packets)
      expect(outcomes(other, packet), JSON.stringify(packet)).toEqual(outcomes(one, packet));
  },
);
