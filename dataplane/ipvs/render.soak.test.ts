import { fileURLToPath } from 'node:url';
import { testsIn } from '../../scripts/guest/tests.ts';

// The few texts of every change, a hundred times.
const file = fileURLToPath(new URL('render.netns.test.ts', import.meta.url));
await testsIn({ env: { V9S_IPVS_TEXTS: '400' }, longest: 3_600_000 }, file);
