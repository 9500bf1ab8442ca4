import { resources } from '../../api/scheme.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/types.ts';
import type { ControllerContext, Informers } from '../context.ts';
import { matchesVolume } from './affinity.ts';

/** Names the node that a volume is wanted on. Upstream: `pkg/controller/volume/persistentvolume/util`. */
export const selectedNode = 'volume.kubernetes.io/selected-node';

/** Claims and volumes as decisions look at them. */
export interface Volumes {
  claimOf(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volumeOf(name: string): PersistentVolume | undefined;
  /** True where the volume is made, or bound, when it is known who uses it first. */
  isWaiting(claim: PersistentVolumeClaim): boolean;
}

/** The names of the claims that a pod mounts, those of its own (`ephemeral`) included. */
export function claimNames({ metadata, spec }: Pod): string[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [persistentVolumeClaim.claimName];
    return ephemeral ? [`${metadata?.name}-${name}`] : [];
  });
}

export function volumesOf({ persistentvolumeclaims, persistentvolumes, storageclasses }: Informers): Volumes {
  return {
    claimOf: (namespace, name) => persistentvolumeclaims.store.get(`${namespace}/${name}`),
    volumeOf: (name) => persistentvolumes.store.get(name),
    isWaiting: ({ spec }) =>
      storageclasses.store.get(spec?.storageClassName ?? '')?.volumeBindingMode === 'WaitForFirstConsumer',
  };
}

/** Why no node will do. Upstream: `plugins/volumebinding` PreFilter. */
export function volumeProblem(pod: Pod, volumes: Volumes): string | undefined {
  const namespace = pod.metadata?.namespace ?? '';
  for (const name of claimNames(pod)) {
    const claim = volumes.claimOf(namespace, name);
    if (!claim) return `persistentvolumeclaim "${name}" not found`;
    if (claim.metadata?.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
    if (claim.status?.phase === 'Lost') {
      return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`;
    }
    if (claim.status?.phase !== 'Bound' && !volumes.isWaiting(claim)) {
      return 'pod has unbound immediate PersistentVolumeClaims';
    }
  }
  return undefined;
}

/** Whether a pod's volumes can be had on a node: those there are, and those that will be made on another. */
export function reachesVolumes(pod: Pod, node: Node, volumes: Volumes): boolean {
  const namespace = pod.metadata?.namespace ?? '';
  return claimNames(pod).every((name) => {
    const claim = volumes.claimOf(namespace, name);
    const volume = volumes.volumeOf(claim?.spec?.volumeName ?? '');
    if (volume) return matchesVolume(volume, node);
    const wanted = claim?.metadata?.annotations?.[selectedNode];
    return wanted === undefined || wanted === node.metadata?.name;
  });
}

/** Has the volumes made that a pod waits for, on its node; resolves when all are bound. Upstream: PreBind. */
export async function bindVolumes({ client, informers, signal }: ControllerContext, pod: Pod, node: string) {
  const { namespace = '' } = pod.metadata ?? {};
  await Promise.all(
    claimNames(pod).map(async (name) => {
      const { store } = informers.persistentvolumeclaims;
      const claim = () => store.get(`${namespace}/${name}`);
      if (claim()?.status?.phase === 'Bound') return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const stop = informers.persistentvolumeclaims.onChange(() => {
        if (!claim() || claim()?.status?.phase === 'Bound') resolve();
      });
      signal.addEventListener('abort', () => resolve(), { once: true });
      const annotations = { [selectedNode]: node };
      try {
        await client.patch(resources.persistentvolumeclaims, { name, namespace }, 'merge', {
          metadata: { annotations },
        });
        await promise;
      } finally {
        stop();
      }
    }),
  );
}
