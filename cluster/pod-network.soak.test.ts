import { expect, it } from 'vitest';
import { missingFeatures } from '../kernel/features.ts';
import { podNetworks, startPodTraffic } from './testing/pod-traffic.ts';

const [withoutTun] = await missingFeatures(['tun']);
if (withoutTun) console.log(`skipped where it needs a TUN device: ${withoutTun.message}`);

const cases = podNetworks.filter(({ options }) => options.overlay !== 'udp' || !withoutTun);

it.each(cases)('$name: 100 MB from pod to pod arrive whole', async ({ options }) => {
  await using traffic = await startPodTraffic({ name: 'pod-network-soak', ...options });
  for (const address of traffic.targets) {
    const bytes = 100_000_000;
    const { sent, received } = await traffic.transfer(address, bytes);
    expect(sent).toMatch(new RegExp(`^${bytes} \\d+$`));
    expect(received).toBe(sent);
  }
});
