import { bootstrapExpiry, isBootstrapSecret } from '../../api/bootstrap-secret.ts';
import type { Again } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Controller } from '../context.ts';

/** No timer of Node.js is longer. */
const longestWait = 2 ** 31 - 1;

/** Deletes bootstrap tokens when their time is over. Upstream: `pkg/controller/bootstrap/tokencleaner.go`. */
export const startTokenCleanerController: Controller = ({ client, informers, reconciler }) => {
  const { store, onChange } = informers.secrets;
  const queue = reconciler('token-cleaner', reconcile);
  onChange(({ key, object }) => {
    if (isBootstrapSecret(object)) queue.enqueue(key);
  });
  for (const [key, secret] of store) if (isBootstrapSecret(secret)) queue.enqueue(key);

  async function reconcile(key: string): Promise<Again | undefined> {
    const secret = store.get(key);
    if (!secret || !isBootstrapSecret(secret)) return undefined;
    const end = bootstrapExpiry(secret);
    if (end === undefined) return undefined;
    const wait = end - Date.now();
    if (wait > 0) return { requeueAfter: Math.min(wait, longestWait) };
    const { name = '', namespace = '', uid = '' } = secret.metadata ?? {};
    try {
      await client.delete(resources.secrets, { name, namespace }, { preconditions: { uid } });
    } catch (error) {
      // Gone already, or a new one of that name has come.
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
    return undefined;
  }
};
