import { keyOf } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { PersistentVolumeClaim, Pod, Volume } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { isPodTerminal } from '../pod.ts';

/** Makes the claims of volumes that live as long as their pod. Upstream: `pkg/controller/volume/ephemeral`. */
export const startEphemeralVolumeController: Controller = (context) => {
  const { client, informers } = context;
  const recorder = context.recorder('ephemeral_volume');
  const queue = context.reconciler('ephemeral-volume', reconcile);
  const { pods, persistentvolumeclaims: claims } = informers;

  pods.onChange(({ type, key, object }) => {
    if (type !== 'deleted' && ephemeralVolumes(object).length > 0) queue.enqueue(key);
  });
  claims.onChange(({ type, object: { metadata } }) => {
    if (type !== 'deleted') return;
    for (const { kind, name } of metadata?.ownerReferences ?? [])
      if (kind === 'Pod') queue.enqueue(`${metadata?.namespace}/${name}`);
  });
  for (const [key, pod] of pods.store) if (ephemeralVolumes(pod).length > 0) queue.enqueue(key);

  async function reconcile(key: string): Promise<void> {
    const pod = pods.store.get(key);
    if (!pod || pod.metadata?.deletionTimestamp || isPodTerminal(pod)) return;
    await claims.synced;
    for (const volume of ephemeralVolumes(pod)) await ensure(pod, volume);
  }

  async function ensure(pod: Pod, volume: Volume): Promise<void> {
    const claim = claimFor(pod, volume);
    const present = claims.store.get(keyOf(claim));
    if (present) {
      if (present.metadata?.ownerReferences?.some(({ uid }) => uid === pod.metadata?.uid)) return;
      const { namespace, name } = present.metadata ?? {};
      throw new Error(`PVC ${namespace}/${name} was not created for pod ${keyOf(pod)} (pod is not owner)`);
    }
    try {
      await client.create(resources.persistentvolumeclaims, claim);
    } catch (error) {
      // The cache was behind: the next look tells whose it is.
      if (hasReason(error, 'AlreadyExists')) return queue.enqueue(keyOf(pod));
      const why = error instanceof Error ? error.message : String(error);
      const text = `ephemeral volume ${volume.name}: create PVC ${claim.metadata?.name}: ${why}`;
      recorder.event(pod, 'Warning', 'FailedBinding', text);
      throw error;
    }
  }
};

const ephemeralVolumes = ({ spec }: Pod): Volume[] =>
  (spec?.volumes ?? []).filter(({ ephemeral }) => ephemeral?.volumeClaimTemplate);

/** Named after the pod and the volume, and gone with the pod. */
function claimFor({ metadata }: Pod, { name, ephemeral }: Volume): PersistentVolumeClaim {
  const { metadata: template, spec } = ephemeral?.volumeClaimTemplate ?? {};
  const { name: pod = '', namespace = '', uid = '' } = metadata ?? {};
  const owner = { apiVersion: 'v1', kind: 'Pod', name: pod, uid, controller: true, blockOwnerDeletion: true };
  return {
    metadata: {
      name: `${pod}-${name}`,
      namespace,
      ...(template?.labels ? { labels: template.labels } : {}),
      ...(template?.annotations ? { annotations: template.annotations } : {}),
      ownerReferences: [owner],
    },
    ...(spec ? { spec } : {}),
  };
}
