import { resources } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { Controller } from './context.ts';
import { isNamespaceEnding } from './events.ts';

/** Keeps a ServiceAccount `default` in every namespace. Upstream: `pkg/controller/serviceaccount`. */
export const startServiceAccountController: Controller = ({ client, informers, reconciler }) => {
  const queue = reconciler('serviceaccount', async (namespace) => {
    if (informers.namespaces.store.get(namespace)?.status?.phase === 'Terminating') return;
    if (!informers.namespaces.store.has(namespace)) return;
    if (informers.serviceaccounts.store.has(`${namespace}/default`)) return;
    try {
      await client.create(resources.serviceaccounts, { metadata: { name: 'default', namespace } });
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists') && !isNamespaceEnding(error)) throw error;
    }
  });
  informers.namespaces.onChange(({ key }) => queue.enqueue(key));
  informers.serviceaccounts.onChange(({ type, object: { metadata } }) => {
    if (type === 'deleted' && metadata?.name === 'default') queue.enqueue(metadata.namespace ?? '');
  });
  for (const key of informers.namespaces.store.keys()) queue.enqueue(key);
};
