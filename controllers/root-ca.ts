import { resources } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { ConfigMap } from '../api/types.ts';
import type { Controller } from './context.ts';
import { isNamespaceEnding } from './events.ts';

const name = 'kube-root-ca.crt';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** Publishes the cluster's CA as a ConfigMap in every namespace. Upstream: `pkg/controller/certificates/rootcacertpublisher`. */
export const startRootCaController: Controller = ({ client, informers, reconciler, settings }) => {
  const { caPem } = settings;
  if (caPem === undefined) return;

  const queue = reconciler('root-ca-certificate-publisher', async (namespace) => {
    const owner = informers.namespaces.store.get(namespace);
    if (!owner || owner.status?.phase === 'Terminating') return;
    const present = informers.configmaps.store.get(`${namespace}/${name}`);
    if (present?.data?.['ca.crt'] === caPem) return;
    const wanted: ConfigMap = {
      ...present,
      metadata: {
        ...present?.metadata,
        name,
        namespace,
        annotations: { ...present?.metadata?.annotations, 'kubernetes.io/description': description },
      },
      data: { 'ca.crt': caPem },
    };
    try {
      await (present
        ? client.update(resources.configmaps, wanted)
        : client.create(resources.configmaps, wanted));
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists') && !isNamespaceEnding(error)) throw error;
    }
  });
  informers.namespaces.onChange(({ key }) => queue.enqueue(key));
  informers.configmaps.onChange(({ object: { metadata } }) => {
    if (metadata?.name === name) queue.enqueue(metadata.namespace ?? '');
  });
  for (const key of informers.namespaces.store.keys()) queue.enqueue(key);
};
