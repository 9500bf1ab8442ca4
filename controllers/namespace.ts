import type { KubeObject } from '../api/object.ts';
import type { Again } from '../api/queue.ts';
import { type Resource, resources } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { Namespace, NamespaceCondition } from '../api/types.ts';
import { allInformers, type Controller } from './context.ts';
import { discoverKinds, kindsWith } from './discovery.ts';
import { sameJson } from './lookup.ts';
import { timestamp } from './pod.ts';

/** A look at least this often (ms) while something remains that no informer watches. */
const patience = 1_000;

/** Empties namespaces that are being deleted, then lets them go. Upstream: `pkg/controller/namespace`. */
export const startNamespaceController: Controller = ({ client, informers, reconciler }) => {
  const queue = reconciler('namespace', reconcile);
  informers.namespaces.onChange(({ key, object }) => {
    if (object.metadata?.deletionTimestamp) queue.enqueue(key);
  });
  for (const informer of allInformers(informers)) {
    informer.onChange(({ type, object }) => {
      const namespace = (object as KubeObject).metadata?.namespace ?? '';
      const ending = informers.namespaces.store.get(namespace)?.metadata?.deletionTimestamp;
      if (type === 'deleted' && ending) queue.enqueue(namespace);
    });
  }
  for (const [key, { metadata }] of informers.namespaces.store)
    if (metadata?.deletionTimestamp) queue.enqueue(key);

  async function reconcile(name: string): Promise<Again | undefined> {
    const namespace = informers.namespaces.store.get(name);
    if (!namespace?.metadata?.deletionTimestamp) return undefined;
    if (!namespace.spec?.finalizers?.includes('kubernetes')) return undefined;
    const before = await contentOf(name);
    await Promise.all(before.map(({ resource, object }) => remove(resource, object)));
    const remaining = before.length > 0 ? await contentOf(name) : [];
    if (remaining.length > 0) {
      await writeConditions(namespace, remaining);
      return { requeueAfter: patience };
    }
    const finalizers = namespace.spec.finalizers.filter((finalizer) => finalizer !== 'kubernetes');
    const body = { ...namespace, spec: { ...namespace.spec, finalizers } };
    await client
      .request('PUT', `/api/v1/namespaces/${encodeURIComponent(name)}/finalize`, body)
      .catch(unlessGone);
    return undefined;
  }

  /** What is in the namespace now, of any kind: asked live, since nothing may be left behind. */
  async function contentOf(namespace: string): Promise<Content[]> {
    const kinds = kindsWith(await discoverKinds(client), ['list', 'delete']);
    const lists = await Promise.all(
      kinds
        .filter(({ namespaced }) => namespaced)
        .map(async (resource) => {
          try {
            const { items } = await client.list(resource, { namespace });
            return items.map((object) => ({ resource, object }));
          } catch (error) {
            // The kind has gone meanwhile, and its objects with it.
            if (hasReason(error, 'NotFound')) return [];
            throw error;
          }
        }),
    );
    // Some are served by more than one group.
    return [...new Map(lists.flat().map((one) => [one.object.metadata?.uid, one])).values()];
  }

  async function remove(resource: Resource, { metadata }: KubeObject): Promise<void> {
    if (metadata?.deletionTimestamp) return;
    const { name = '', namespace = '', uid = '' } = metadata ?? {};
    const options = { propagationPolicy: 'Background', preconditions: { uid } };
    await client.delete(resource, { name, namespace }, options).catch(unlessGone);
  }

  async function writeConditions(namespace: Namespace, remaining: readonly Content[]): Promise<void> {
    const conditions = contentConditions(remaining, namespace.status?.conditions ?? [], new Date());
    if (sameJson(conditions, namespace.status?.conditions)) return;
    const status = { ...namespace.status, conditions };
    await client.update(resources.namespaces, { ...namespace, status }, 'status').catch(unlessGone);
  }
};

interface Content {
  resource: Resource;
  object: KubeObject;
}

/** What `kubectl describe namespace` tells of a deletion that takes its time. Upstream: `deletion/status_condition_utils.go`. */
export function contentConditions(
  remaining: readonly Content[],
  known: readonly NamespaceCondition[],
  now: Date,
): NamespaceCondition[] {
  const counts = countBy(remaining, ({ resource }) => [
    `${resource.name}.${resource.group} has ${'#'} resource instances`,
  ]);
  const finalizers = countBy(remaining, ({ object }) =>
    (object.metadata?.finalizers ?? []).map((finalizer) => `${finalizer} in ${'#'} resource instances`),
  );
  const wanted = [
    [
      'NamespaceDeletionDiscoveryFailure',
      'False',
      'ResourcesDiscovered',
      'All resources successfully discovered',
    ],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      'False',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    [
      'NamespaceDeletionContentFailure',
      'False',
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ],
    counts
      ? [
          'NamespaceContentRemaining',
          'True',
          'SomeResourcesRemain',
          `Some resources are remaining: ${counts}`,
        ]
      : ['NamespaceContentRemaining', 'False', 'ContentRemoved', 'All content successfully removed'],
    finalizers
      ? [
          'NamespaceFinalizersRemaining',
          'True',
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${finalizers}`,
        ]
      : [
          'NamespaceFinalizersRemaining',
          'False',
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ],
  ] as const;
  return wanted.map(([type, status, reason, message]) => {
    const before = known.find((condition) => condition.type === type);
    const since = before?.status === status ? before.lastTransitionTime : undefined;
    return { type, status, reason, message, lastTransitionTime: since ?? timestamp(now) };
  });
}

function countBy(remaining: readonly Content[], keys: (content: Content) => string[]): string {
  const counts = new Map<string, number>();
  for (const key of remaining.flatMap(keys)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].map(([key, count]) => key.replace('#', String(count))).join(', ');
}

function unlessGone(error: unknown): void {
  if (!hasReason(error, 'NotFound')) throw error;
}
