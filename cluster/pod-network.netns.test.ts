import { expect, it } from 'vitest';
import { missingFeatures } from '../kernel/features.ts';
import { podNetworks, startPodTraffic } from './testing/pod-traffic.ts';

const [withoutTun] = await missingFeatures(['tun']);
if (withoutTun) console.log(`skipped where it needs a TUN device: ${withoutTun.message}`);

/** Ping's own header and that of IP. */
const headers = (address: string) => (address.includes(':') ? 48 : 28);

const cases = podNetworks.filter(({ options }) => options.overlay !== 'udp' || !withoutTun);

it.each(cases)('$name: pods of two nodes reach each other, with packets of every size', async (one) => {
  await using traffic = await startPodTraffic({ name: 'pod-network', ...one.options });
  const { left, targets } = traffic;
  expect(targets).toHaveLength(one.options.podCidr?.split(',').length ?? 1);
  const link = await left(['cat', '/sys/class/net/eth0/mtu']);
  expect(link.output.trim()).toBe(String(one.mtu));
  for (const address of targets) {
    const largest = one.mtu - headers(address);
    for (const size of [0, 1, largest - 1, largest])
      await left(['ping', '-c1', '-W5', '-M', 'do', '-s', String(size), address]);
    const refused = await left(['ping', '-c1', '-W5', '-M', 'do', '-s', String(largest + 1), address], true);
    expect(refused.exitCode, refused.output).not.toBe(0);
    expect(refused.output).toMatch(new RegExp(`mtu[=:] ?${one.mtu}\\b`));
    // In fragments, which the other side puts together.
    for (const size of [largest + 1, 2 * one.mtu, 9000, 60_000])
      await left(['ping', '-c1', '-W5', '-M', 'dont', '-s', String(size), address]);

    const bytes = 4 * 1024 * 1024 + 7;
    const { sent, received } = await traffic.transfer(address, bytes);
    expect(sent).toMatch(new RegExp(`^${bytes} \\d+$`));
    expect(received).toBe(sent);
  }
});
