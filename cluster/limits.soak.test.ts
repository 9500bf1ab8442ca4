import { fileURLToPath } from 'node:url';
import { testsInGuest } from '../scripts/guest/tests.ts';

// A kernel with cgroups of version 2, where the machine has those of version 1; and another user's part of them.
const files = ['./limits.netns.test.ts', '../kernel/cgroups/delegated.guest.test.ts'];
await testsInGuest(...files.map((file) => fileURLToPath(new URL(file, import.meta.url))));
