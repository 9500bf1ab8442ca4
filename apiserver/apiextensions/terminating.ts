import { type StatusError, statusError } from '../../api/status.ts';

/** Nothing is made any more of a kind whose definition is being deleted. */
export function terminating(): StatusError {
  return statusError(
    'MethodNotAllowed',
    'create not allowed while custom resource definition is terminating',
    {},
  );
}
