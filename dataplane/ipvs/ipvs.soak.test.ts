import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { testsIn } from '../../scripts/guest/tests.ts';

// All of them, whole, where every change has a sample.
const folder = new URL('.', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.guest.test.ts'));
const files = names.map((name) => fileURLToPath(new URL(name, folder)));
await testsIn({ env: { V9S_SOAK: '1', V9S_IPVS_TEXTS: '400' }, longest: 3_600_000 }, ...files);
