import { type Resource, resources } from '../../../api/scheme.ts';
import type { Namespace } from '../../../api/types.ts';
import type { Lookup } from '../strategy.ts';
import { forbidden, missing } from './failures.ts';

/** Namespaces that cannot be deleted. Upstream: `plugin/pkg/admission/namespace/lifecycle`. */
const immortal: readonly string[] = ['default', 'kube-system', 'kube-public'];

/** Refuses to create in a namespace that is missing or ending. */
export function admitIntoNamespace(
  lookup: Lookup,
  resource: Resource,
  name: string,
  namespace: string | undefined,
): void {
  if (!resource.namespaced || !namespace) return;
  const found = lookup.get<Namespace>(resources.namespaces, namespace);
  if (!found) throw missing(resources.namespaces, namespace);
  if (found.metadata?.deletionTimestamp) {
    throw forbidden(
      resource,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
      [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    );
  }
}

export function admitNamespaceDeletion(name: string): void {
  if (immortal.includes(name)) {
    throw forbidden(resources.namespaces, name, 'this namespace may not be deleted');
  }
}
