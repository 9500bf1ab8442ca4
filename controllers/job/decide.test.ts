import { expect, test } from 'vitest';
import type { Job, SuccessPolicyRule } from '../../api/types.ts';
import { outcomeOf } from './decide.ts';
import { parseIndexes } from './indexes.ts';
import { tally } from './tally.ts';

const job = (rules: SuccessPolicyRule[], completedIndexes: string): Job => ({
  metadata: { name: 'j' },
  spec: {
    completionMode: 'Indexed',
    completions: 10,
    parallelism: 10,
    template: {},
    successPolicy: { rules },
  },
  status: { completedIndexes, succeeded: parseIndexes(completedIndexes).size },
});

/** Rows of upstream's `pkg/controller/job/success_policy_test.go`. */
test.each<[string, SuccessPolicyRule[], string, number | undefined]>([
  ['nothing has succeeded', [{ succeededCount: 0 }], '', undefined],
  ['a count that is reached', [{ succeededCount: 3 }], '0,3-4', 0],
  ['a count that is not', [{ succeededCount: 4 }], '0,3-4', undefined],
  ['all indexes', [{ succeededIndexes: '0-1,4' }], '0-4', 0],
  ['not all indexes', [{ succeededIndexes: '0-1,5' }], '0-4', undefined],
  ['so many of the indexes', [{ succeededIndexes: '0-5', succeededCount: 2 }], '1,3,7', 0],
  ['not so many of the indexes', [{ succeededIndexes: '4-6', succeededCount: 2 }], '1,3,6', undefined],
  [
    'the first rule that fits',
    [{ succeededIndexes: '9' }, { succeededCount: 1 }, { succeededCount: 1 }],
    '2',
    1,
  ],
])('success policy: %s', (_, rules, completed, index) => {
  const one = job(rules, completed);
  expect(outcomeOf(one, [], tally(one, []), 0)).toEqual(
    index === undefined
      ? undefined
      : { type: 'Complete', reason: 'SuccessPolicy', message: `Matched rules at index ${index}` },
  );
});
