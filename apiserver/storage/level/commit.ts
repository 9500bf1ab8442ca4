/** How many operations one batch may carry: keeps the latency of a burst's first write in bounds. */
const largestBatch = 1_000;

/**
 * Group commit: operations that arrive while a batch is being written gather and share the next one,
 * so that a burst of writes costs a few fsyncs, not one each. One batch is in flight at a time, hence
 * `write` sees a settled state and may decide about conditions.
 *
 * @param write takes the gathered operations and settles each; must not throw
 */
export function createGroupCommit<Operation>(write: (operations: Operation[]) => Promise<void>): {
  add(operation: Operation): void;
  /** Resolves when nothing is waiting or in flight. */
  idle(): Promise<void>;
} {
  let gathering: Operation[] = [];
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    // Let all that was asked for in this turn of the event loop join the first batch.
    await new Promise(setImmediate);
    while (gathering.length > 0) {
      const batch = gathering.slice(0, largestBatch);
      gathering = gathering.slice(largestBatch);
      await write(batch);
    }
    running = undefined;
  }

  return {
    add(operation) {
      gathering.push(operation);
      running ??= run();
    },
    async idle() {
      while (running) await running;
    },
  };
}
