import { StatusError } from '../../api/status.ts';

/** The `StatusError` that `run` throws. Anything else it throws goes on; nothing thrown is an Error of its own. */
export function failure(run: () => unknown): StatusError {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
