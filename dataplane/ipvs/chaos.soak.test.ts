import { fileURLToPath } from 'node:url';
import { testsIn } from '../../scripts/guest/tests.ts';

// What is too slow for every change where programs take a tenth of a second to start.
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
await testsIn(
  { longest: 1_800_000 },
  here('disturbances.guest.test.ts'),
  here('switch.guest.test.ts'),
  here('sctp.guest.test.ts'),
);
