import { resources } from '../../api/scheme.ts';
import type { Cache } from '../storage/cache.ts';

/** Whether anybody is configured to be asked about requests: a look at three lists that are mostly empty. */
export function isConfigured(cache: Cache): boolean {
  return (
    cache.list(resources.mutatingwebhookconfigurations).length > 0 ||
    cache.list(resources.validatingwebhookconfigurations).length > 0 ||
    cache.list(resources.validatingadmissionpolicybindings).length > 0
  );
}
