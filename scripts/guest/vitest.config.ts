import { defineConfig } from 'vitest/config';

/** For tests that run inside the guest kernel: one process, no bundles, and time for a machine that is slow to fork. */
export default defineConfig({
  test: {
    include: ['**/*.{netns,guest}.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    isolate: false,
  },
});
