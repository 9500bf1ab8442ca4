import type { Client } from '../../../api/client.ts';
import { startInformer } from '../../../api/informer.ts';
import { type KubeObject, matchesLabelSelector } from '../../../api/object.ts';
import { type Resource, resources } from '../../../api/scheme.ts';
import type { KubernetesOptions } from './options.ts';
import type { RecordStore } from './records.ts';
import { parseLabelSelector } from './selector.ts';

/**
 * Follows an API server until `signal` fires; resolves when all that was there at the beginning is in `records`. Pods
 * are only watched for `pods verified`.
 */
export function followApi(
  client: Client,
  options: KubernetesOptions,
  records: RecordStore,
  signal: AbortSignal,
  onError: (resource: string, error: unknown) => void,
): Promise<void> {
  const [onlyNamespace] = options.namespaces.size === 1 ? options.namespaces : [];

  const follow = <T extends KubeObject>(resource: Resource<T>, labelSelector?: string): Promise<void> => {
    const informer = startInformer(client, resource, {
      signal,
      ...(onlyNamespace && resource.namespaced ? { namespace: onlyNamespace } : {}),
      ...(labelSelector ? { labelSelector } : {}),
      onChange: ({ type, object }) => {
        const typed = object.kind ? object : { ...object, kind: resource.kind };
        if (type === 'deleted') records.delete(typed);
        else records.put(typed);
      },
      onError: (error) => onError(resource.name, error),
    });
    return informer.synced;
  };

  return Promise.all([
    follow(resources.namespaces, options.namespaceLabels),
    follow(resources.services, options.labels),
    options.noEndpoints ? undefined : follow(resources.endpointslices, options.labels),
    options.pods === 'verified' ? follow(resources.pods) : undefined,
  ]).then(() => records.markSynced());
}

/**
 * Puts a list of objects into `records`, those that the options let be seen. A Namespace that objects live in counts as existing even if the list does not hold
 * it, so that a file with Services alone can be asked.
 */
export function putObjects(
  objects: readonly KubeObject[],
  options: KubernetesOptions,
  records: RecordStore,
): void {
  const services = options.labels === undefined ? undefined : parseLabelSelector(options.labels);
  const namespaces =
    options.namespaceLabels === undefined ? undefined : parseLabelSelector(options.namespaceLabels);
  for (const object of objects) {
    const { labels, namespace } = object.metadata ?? {};
    const selected =
      object.kind === 'Namespace'
        ? !namespaces || matchesLabelSelector(namespaces, labels)
        : !services || object.kind === 'Pod' || matchesLabelSelector(services, labels);
    if (!selected || (options.noEndpoints && object.kind === 'EndpointSlice')) continue;
    records.put(object);
    if (namespace && !namespaces) records.put({ kind: 'Namespace', metadata: { name: namespace } });
  }
  records.markSynced();
}
