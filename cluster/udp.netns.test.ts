import { expect, it } from 'vitest';
import { missingFeatures } from '../kernel/features.ts';
import { startPodTraffic } from './testing/pod-traffic.ts';

const [withoutTun] = await missingFeatures(['tun']);
if (withoutTun) console.log(`skipped: ${withoutTun.message}`);

/** Ends the program of one node; the lab has process ids of its own. Prints how many there were. */
const killOne = `n=0; for p in /proc/[0-9]*; do
  case "$(tr '\\0' ' ' < $p/cmdline 2>/dev/null)" in
    perl\\ *encapsulate.pl\\ flannel0\\ 172.18.0.3\\ *) kill -9 \${p#/proc/}; n=$((n + 1));;
  esac
done; echo $n`;

it.skipIf(withoutTun)(
  'overlay udp: an encapsulator that is killed is there again before anybody asks',
  async () => {
    await using traffic = await startPodTraffic({ name: 'udp', overlay: 'udp' });
    const [right = ''] = traffic.targets;
    const { stdout } = await traffic.cluster.node('worker').exec(['sh', '-c', killOne]);
    expect(stdout.trim()).toBe('1');
    // The kernel is looked at once a minute; this is sooner.
    const back = `for i in $(seq 100); do ping -c1 -W1 ${right} && exit; sleep 0.1; done; exit 1`;
    const answer = await traffic.left(['sh', '-c', back]);
    expect(answer.output).toContain(' 0% packet loss');
  },
);
