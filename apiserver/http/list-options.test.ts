import { expect, test } from 'vitest';
import { checkListOptions, type SentListOptions } from './list-options.ts';

const unlessVersion = 'Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided';

/** Rows of upstream's `apis/meta/internalversion/validation/validation_test.go`. */
test.each<[Partial<SentListOptions>, string | undefined]>([
  [{}, undefined],
  [{ resourceVersion: '5', resourceVersionMatch: 'Exact' }, undefined],
  [{ resourceVersion: '0', resourceVersionMatch: 'NotOlderThan' }, undefined],
  [{ resourceVersionMatch: 'Exact' }, `resourceVersionMatch: ${unlessVersion}`],
  [
    { resourceVersionMatch: 'Newest' },
    `[resourceVersionMatch: ${unlessVersion}, resourceVersionMatch: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""]`,
  ],
  [
    { resourceVersion: '0', resourceVersionMatch: 'Exact' },
    'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
  ],
  [
    { resourceVersion: '5', resourceVersionMatch: 'NotOlderThan', continue: 'c' },
    'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided',
  ],
  [{ sendInitialEvents: true }, 'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list'],
  [{ watch: true, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }, undefined],
  [
    { watch: true, sendInitialEvents: false },
    'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
  ],
  [
    { watch: true, resourceVersion: '5', resourceVersionMatch: 'NotOlderThan' },
    'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
  ],
  [
    { watch: true, sendInitialEvents: true, resourceVersionMatch: 'Exact' },
    '[resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]',
  ],
])('%j', (options, problem) => {
  const check = () => checkListOptions({ watch: false, ...options });
  if (problem === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(`ListOptions.meta.k8s.io "" is invalid: ${problem}`);
});
