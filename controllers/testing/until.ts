import type { Client } from '../../api/client.ts';
import { startInformer } from '../../api/informer.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Resource } from '../../api/scheme.ts';

/**
 * Watches a collection until `holds` is true of all its objects, and returns what `holds` was true of.
 * @throws Error with the last state after `patience` milliseconds
 */
export async function until<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  namespace: string | undefined,
  holds: (objects: T[]) => boolean,
  patience = 10_000,
): Promise<T[]> {
  const end = new AbortController();
  const informer = startInformer(client, resource, {
    signal: end.signal,
    ...(namespace ? { namespace } : {}),
  });
  try {
    return await new Promise((resolve, reject) => {
      let synced = false;
      const check = () => {
        if (!synced) return;
        const objects = [...informer.store.values()];
        if (holds(objects)) resolve(objects);
      };
      const timer = setTimeout(() => {
        const state = JSON.stringify(
          [...informer.store.values()].map(({ metadata, ...rest }) => ({ name: metadata?.name, ...rest })),
        );
        reject(new Error(`${resource.name} did not come to the expected state: ${state}`));
      }, patience);
      end.signal.addEventListener('abort', () => clearTimeout(timer));
      informer.onChange(check);
      void informer.synced.then(() => {
        synced = true;
        check();
      });
    });
  } finally {
    end.abort();
  }
}
