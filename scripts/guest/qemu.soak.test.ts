import { fileURLToPath } from 'node:url';
import { runInQemu } from '../../lab/guest/qemu.ts';
import { testsIn } from './tests.ts';

const here = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

// Downloads QEMU and Debian's kernel where the cache has none. Both modes in one kernel, ten times slower than outside.
await testsIn(
  {
    run: runInQemu,
    kernel: 'Debian’s kernel under QEMU',
    args: ['--testTimeout=600000', '--hookTimeout=600000'],
    longest: 3_600_000,
  },
  here('dataplane/ipvs/render.guest.test.ts'),
  here('dataplane/ipvs/suite.guest.test.ts'),
  here('dataplane/ipvs/kernel.guest.test.ts'),
  here('dataplane/ipvs/switch.guest.test.ts'),
  here('dataplane/nftables/nftables.netns.test.ts'),
);
