import { expect, it } from 'vitest';
import { fidelity } from './fidelity.ts';

it('names whatever did not pass with its reason, and what differs on purpose', () => {
  const page = fidelity([
    {
      name: 'e2e',
      result: {
        component: 'e2e.test 1.20.2',
        ran: 'e2e.test --ginkgo.focus=a|b',
        cases: [
          { name: 'works', outcome: 'passed' },
          { name: 'needs a <cloud>', outcome: 'failed', reason: 'no\nload balancer' },
          { name: 'known', outcome: 'failed', reason: 'timed out' },
          { name: 'skips itself', outcome: 'skipped' },
        ],
        deviations: [
          { what: 'known', reason: 'the kernel has no such thing' },
          { what: 'chain names', reason: 'newer release' },
        ],
        ended: '2026-01-02T03:04:05.678Z',
        seconds: 61,
      },
    },
  ]);
  expect(page).toContain('| [e2e](#e2e) | e2e.test 1.20.2 | 1 | 2 | 1 | 2026-01-02 |');
  expect(page).toContain('- needs a &lt;cloud> (failed): no load balancer\n');
  expect(page).toContain('- known (failed): the kernel has no such thing\n');
  expect(page).toContain('- skips itself (skipped): no reason was told');
  expect(page).toContain('Differs on purpose:\n\n- chain names: newer release');
});
