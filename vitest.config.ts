import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that boot a guest kernel, or hold much in few lines: at the end everybody would wait for them. */
const longest =
  /\/(scenarios\/(dataplanes|ipvs)|dataplane\/(ipvs\/ipvs|nftables\/nftables))\.netns\.test\.ts$/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const first = sorted.filter(({ moduleId }) => longest.test(moduleId));
    return [...first, ...sorted.filter((file) => !first.includes(file))];
  }
}

/**
 * Three projects: `unit` needs no privilege and no clock, and is the developer's loop;
 * `netns` starts labs, each test file its own; `soak` holds what takes minutes. What is named `*.guest.test.ts`
 * needs a kernel that has more, and is imported by one of `netns`.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', '**/*.{netns,guest,soak}.test.ts'],
          // Some start a kubectl or a server; a machine that is busy takes its time.
          testTimeout: 30_000,
          // Pure tests share two processes: a third of the time.
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'netns',
          include: ['**/*.netns.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 20_000 } },
          // Two processors are busy with three: each waits now and then.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
          globalSetup: ['scripts/vitest-bundles.ts'],
        },
      },
      {
        test: {
          name: 'soak',
          include: ['**/*.soak.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          globalSetup: ['scripts/vitest-bundles.ts'],
        },
      },
    ],
  },
});
