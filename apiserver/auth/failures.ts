import { type StatusError, statusError } from '../../api/status.ts';

export function unauthorized(): StatusError {
  return statusError('Unauthorized', 'Unauthorized');
}
