import { fileURLToPath } from 'node:url';
import { probeFeatures } from '../../kernel/features.ts';
import { testsInGuest } from '../../scripts/guest/tests.ts';

const { missing } = await probeFeatures();

// Where this kernel has no IPVS, a guest kernel runs this very file: one, since it starts slowly.
if (missing.ip_vs ?? missing.ip_set ?? missing.dummy) await testsInGuest(fileURLToPath(import.meta.url));
else {
  await import('./suite.guest.test.ts');
  await import('./kernel.guest.test.ts');
  await import('./article.guest.test.ts');
  await import('./schedulers.guest.test.ts');
  await import('./chaos.guest.test.ts');
  await import('./render.guest.test.ts');
}
