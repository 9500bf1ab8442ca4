import type { Client } from '../../api/client.ts';
import {
  controllerOf,
  controllerReference,
  type KubeObject,
  matchesLabelSelector,
} from '../../api/object.ts';
import type { Resource } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { LabelSelector } from '../../api/types.ts';

/**
 * The candidates that belong to `owner`: those it controls and selects, after adopting orphans that it
 * selects and releasing what it no longer does. Before adopting it looks at the live owner, since the
 * cached one may have been deleted. Upstream: `pkg/controller/controller_ref_manager.go`.
 */
export async function claimAll<O extends KubeObject, T extends KubeObject>(
  client: Client,
  ownerResource: Resource<O>,
  owner: O,
  selector: LabelSelector | undefined,
  resource: Resource<T>,
  candidates: readonly T[],
): Promise<T[]> {
  const { uid, name = '', namespace = '', deletionTimestamp } = owner.metadata ?? {};
  let canAdopt: Promise<boolean> | undefined;
  const ownerIsAlive = async () => {
    const live = await client.get(ownerResource, { name, namespace });
    return live.metadata?.uid === uid && live.metadata?.deletionTimestamp === undefined;
  };

  const claimed = await Promise.all(
    candidates.map(async (object) => {
      const controller = controllerOf(object);
      const matches = matchesLabelSelector(selector, object.metadata?.labels);
      const references = object.metadata?.ownerReferences ?? [];
      if (controller) {
        if (controller.uid !== uid) return undefined;
        if (matches) return object;
        if (!deletionTimestamp)
          await setOwners(
            object,
            references.filter((owner) => owner.uid !== uid),
          );
        return undefined;
      }
      if (!matches || deletionTimestamp || object.metadata?.deletionTimestamp) return undefined;
      canAdopt ??= ownerIsAlive();
      if (!(await canAdopt)) return undefined;
      return setOwners(object, [...references, controllerReference(owner)]);
    }),
  );
  return claimed.filter((object) => object !== undefined);

  async function setOwners(object: T, ownerReferences: object[]): Promise<T | undefined> {
    const { name: child = '', namespace: within = '', resourceVersion } = object.metadata ?? {};
    try {
      return await client.patch(resource, { name: child, namespace: within }, 'merge', {
        metadata: { resourceVersion, ownerReferences },
      });
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}
