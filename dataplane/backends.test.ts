import { expect, test } from 'vitest';
import type { ProxyMode } from './configuration.ts';
import { renderRules } from './render.ts';
import { randomConfiguration, randomFrom, randomObjects } from './testing/random.ts';
import { type Packet, type Rules, readRules, trace } from './trace.ts';

/** What becomes of a packet, in an order of its own. */
function outcomes(rules: Rules, packet: Packet): string {
  return trace(rules, packet)
    .map((one) => {
      const to = `${one.to}${one.masqueraded ? ' masq' : ''} ${one.probability.toFixed(6)}`;
      return one.verdict === 'accept' ? to : one.verdict;
    })
    .sort()
    .join(', ');
}

/**
 * Where iptables mode answers otherwise than nftables mode, upstream as here: it looks at source ranges only once
 * there are endpoints, and refuses what the node itself sends to other addresses than ClusterIPs nowhere.
 */
function iptablesAnswer(answer: string, { source, destination, port }: Packet, nodeIp: string): string[] {
  const isClusterIP = /^(10\.96|fd00:96:)/.test(destination);
  if (answer === 'drop' && !isClusterIP && destination !== nodeIp) {
    if (source !== nodeIp) return ['drop', 'reject'];
  }
  if (/^(drop|reject)$/.test(answer) && source === nodeIp && !isClusterIP && destination !== nodeIp) {
    const passed = destination.includes(':') ? `[${destination}]:${port}` : `${destination}:${port}`;
    return [answer, 'reject', `${passed} 1.000000`];
  }
  return [answer];
}

test.each(Array.from({ length: 10 }, (_, seed) => seed))(
  'iptables and nftables lead every packet to a Service to the same places (seed %i)',
  async (seed) => {
    const random = randomFrom(seed);
    const four = random(3) > 0;
    const objects = randomObjects(random);
    const nodeIp = four ? '172.18.0.3' : 'fd00:172::3';
    const masqueradeAll = random(3) === 0;
    const configuration = {
      ...randomConfiguration(random),
      iptables: { masqueradeAll },
      nftables: { masqueradeAll },
      nodePortAddresses: ['172.18.0.3/32', 'fd00:172::3/128'],
    };
    const text = (mode: ProxyMode) =>
      renderRules({ objects, nodeName: 'worker', family: four ? 'IPv4' : 'IPv6', mode, configuration });
    const written = await text('nftables');
    const [nftables, iptables] = [readRules(written), readRules(await text('iptables'))];
    const targets = [
      ...written.matchAll(/ (?:service-ips|no-endpoint-services) \{ (\S+) \. (tcp|udp|sctp) \. (\d+)/g),
      ...Array.from(written.matchAll(/nodeports \{ (tcp|udp|sctp) \. (\d+)/g), ([all, ...rest]) => [
        all,
        nodeIp,
        ...rest,
      ]),
    ].map(([, destination = '', protocol = '', port]) => ({ destination, protocol, port: Number(port) }));
    // A pod, an endpoint here, an endpoint elsewhere, the node, clients in and out of source ranges.
    const senders = four
      ? ['10.244.0.77', '10.244.1.3', '10.244.0.5', nodeIp, '172.18.0.9', '192.0.2.77', '203.0.113.1']
      : ['fd00:244::77', 'fd00:244::3', nodeIp, 'fd00:172::9', '2001:db8:9::1'];
    expect(targets.length).toBeGreaterThan(0);
    for (const source of senders)
      for (const target of targets) {
        const packet = { source, ...target, nodeIps: [nodeIp] };
        const wanted = iptablesAnswer(outcomes(nftables, packet), packet, nodeIp);
        expect(wanted, JSON.stringify(packet)).toContain(outcomes(iptables, packet));
      }
  },
);
