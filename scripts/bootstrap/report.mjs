/** What the bootstrap says: a line for each thing done, on standard error, and nothing where nothing was done. */

/** Something that only the user can put right; printed without a stack. */
export class BootstrapError extends Error {
  /** @param {string} message what was wrong @param {string[]} [help] lines that say what to do */
  constructor(message, help = []) {
    super([message, ...help.map((line) => `  ${line}`)].join('\n'));
    this.name = 'BootstrapError';
  }
}

/**
 * Prints what is about to be done, does it, and finishes the line with the time it took.
 *
 * @template T
 * @param {string} what @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(what, work) {
  const began = performance.now();
  process.stderr.write(`v9s: ${what} … `);
  try {
    const result = await work();
    process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1)} s\n`);
    return result;
  } catch (error) {
    process.stderr.write('failed\n');
    throw error;
  }
}

/** @param {string} line */
export function note(line) {
  process.stderr.write(`v9s: ${line}\n`);
}

/**
 * With `V9S_TIMING=1`, says how long the process has been alive when it reached a point.
 *
 * @param {string} point
 */
export function timing(point) {
  if (process.env.V9S_TIMING !== '1') return;
  process.stderr.write(`v9s: ${performance.now().toFixed(0).padStart(5)} ms  ${point}\n`);
}

/**
 * Runs the program's main function; a {@link BootstrapError} becomes a message and exit status 1.
 *
 * @param {() => Promise<void>} main
 */
export async function reporting(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    process.stderr.write(`v9s: ${error.message}\n`);
    process.exitCode = 1;
  }
}
