import { keyOf } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';
import type { Controller } from '../context.ts';
import { createIndex } from '../lookup.ts';
import { isPodTerminal } from '../pod.ts';
import { claimNames, selectedNode } from '../scheduler/volumes.ts';
import { untilSeen } from '../seen.ts';
import { findVolume, isClaimedBy } from './match.ts';
import { localVolume, provisioner } from './provision.ts';

/**
 * Binds claims to volumes, makes volumes of the provisioner's classes, and keeps both while they are used. Upstream:
 * `pkg/controller/volume/persistentvolume`, `pvcprotection`, `pvprotection`; rancher's local-path-provisioner.
 */
export const startPersistentVolumeController: Controller = (context) => {
  const { client, informers } = context;
  const { persistentvolumeclaims: claims, persistentvolumes: volumes, storageclasses: classes } = informers;
  const recorder = context.recorder('persistentvolume-controller');
  const podsByClaim = createIndex(informers.pods, (pod) =>
    isPodTerminal(pod) ? [] : claimNames(pod).map((name) => `${pod.metadata?.namespace}/${name}`),
  );
  const allKnown = Promise.all([claims, volumes, classes].map(({ synced }) => synced));
  const claimQueue = context.reconciler('persistentvolume-claims', reconcileClaim, 1);
  const volumeQueue = context.reconciler('persistentvolumes', reconcileVolume, 1);

  claims.onChange(({ key, object }) => {
    claimQueue.enqueue(key);
    if (object.spec?.volumeName) volumeQueue.enqueue(object.spec.volumeName);
  });
  volumes.onChange(({ key, object }) => {
    volumeQueue.enqueue(key);
    const ref = object.spec?.claimRef;
    if (ref) claimQueue.enqueue(`${ref.namespace}/${ref.name}`);
    else
      for (const [claim, { status }] of claims.store)
        if (status?.phase !== 'Bound') claimQueue.enqueue(claim);
  });
  classes.onChange(() => {
    for (const key of claims.store.keys()) claimQueue.enqueue(key);
  });
  informers.pods.onChange(({ object }) => {
    for (const name of claimNames(object)) claimQueue.enqueue(`${object.metadata?.namespace}/${name}`);
  });

  async function reconcileClaim(key: string): Promise<void> {
    await allKnown;
    const claim = claims.store.get(key);
    if (!claim) return;
    if (claim.metadata?.deletionTimestamp) {
      if ([...podsByClaim.get(key)].length === 0) await dropFinalizer(claim);
      return;
    }
    const name = claim.spec?.volumeName;
    const volume = name ? volumes.store.get(name) : undefined;
    if (name && !volume) {
      if (claim.status?.phase === 'Bound') {
        recorder.event(
          claim,
          'Warning',
          'ClaimLost',
          'Bound claim has lost its PersistentVolume. Data on the volume is lost!',
        );
        await writeClaim({ ...claim, status: { ...claim.status, phase: 'Lost' } });
      }
      return;
    }
    if (volume) return bind(claim, volume);
    const storageClass = classes.store.get(claim.spec?.storageClassName ?? '');
    const nodeName = claim.metadata?.annotations?.[selectedNode];
    if (storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !nodeName) {
      const message = 'waiting for first consumer to be created before binding';
      recorder.event(claim, 'Normal', 'WaitForFirstConsumer', message);
      return;
    }
    const found = findVolume(claim, volumes.store.values(), informers.nodes.store.get(nodeName ?? ''));
    if (found) return bind(claim, found);
    if (!storageClass) {
      const wanted = claim.spec?.storageClassName;
      const message = wanted
        ? `storageclass.storage.k8s.io "${wanted}" not found`
        : 'no persistent volumes available for this claim and no storage class is set';
      recorder.event(
        claim,
        wanted ? 'Warning' : 'Normal',
        wanted ? 'ProvisioningFailed' : 'FailedBinding',
        message,
      );
      return;
    }
    if (storageClass.provisioner !== provisioner) {
      const message = `Waiting for a volume to be created either by the external provisioner '${storageClass.provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
      recorder.event(claim, 'Normal', 'ExternalProvisioning', message);
      return;
    }
    const [anyNode = ''] = informers.nodes.store.keys();
    const wanted = localVolume(claim, storageClass, nodeName ?? anyNode);
    try {
      await untilSeen(volumes, await client.create(resources.persistentvolumes, wanted));
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
    }
    const message = `Successfully provisioned volume ${wanted.metadata?.name}`;
    recorder.event(claim, 'Normal', 'ProvisioningSucceeded', message);
    claimQueue.enqueue(key);
  }

  /** The volume is set aside first, so that no other claim gets it. */
  async function bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const { name = '', namespace = '', uid = '' } = claim.metadata ?? {};
    if (volume.spec?.claimRef && !isClaimedBy(volume, claim)) return;
    if (volume.spec?.claimRef?.uid !== uid) {
      const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid };
      const set = await client.update(resources.persistentvolumes, {
        ...volume,
        spec: { ...volume.spec, claimRef },
      });
      await untilSeen(volumes, set);
    }
    const volumeName = volume.metadata?.name ?? '';
    let bound = claim;
    if (claim.spec?.volumeName !== volumeName) {
      const annotations = {
        ...claim.metadata?.annotations,
        'pv.kubernetes.io/bind-completed': 'yes',
        'pv.kubernetes.io/bound-by-controller': 'yes',
      };
      bound = await client.update(resources.persistentvolumeclaims, {
        ...claim,
        metadata: { ...claim.metadata, annotations },
        spec: { ...claim.spec, volumeName },
      });
    }
    if (claim.status?.phase === 'Bound') return;
    const { accessModes = [], capacity = {} } = volume.spec ?? {};
    await writeClaim({ ...bound, status: { phase: 'Bound', accessModes, capacity } });
  }

  async function writeClaim(claim: PersistentVolumeClaim): Promise<void> {
    await untilSeen(claims, await client.update(resources.persistentvolumeclaims, claim, 'status'));
  }

  async function reconcileVolume(key: string): Promise<void> {
    await allKnown;
    const volume = volumes.store.get(key);
    if (!volume) return;
    const ref = volume.spec?.claimRef;
    const claim = claims.store.get(`${ref?.namespace}/${ref?.name}`);
    const isTheirs = claim !== undefined && isClaimedBy(volume, claim);
    if (volume.metadata?.deletionTimestamp) {
      if (!isTheirs) await dropFinalizer(volume);
      return;
    }
    const released = ref?.uid !== undefined && !isTheirs;
    if (released && (await isStillThere(`${ref.namespace}`, `${ref.name}`, ref.uid))) return;
    const phase = released ? 'Released' : isTheirs && ref?.uid ? 'Bound' : 'Available';
    if (volume.status?.phase !== phase) {
      const status = { ...volume.status, phase };
      await untilSeen(
        volumes,
        await client.update(resources.persistentvolumes, { ...volume, status }, 'status'),
      );
    }
    const own = volume.metadata?.annotations?.['pv.kubernetes.io/provisioned-by'] === provisioner;
    if (!released || !own || volume.spec?.persistentVolumeReclaimPolicy !== 'Delete') return;
    await client.delete(resources.persistentvolumes, { name: key });
  }

  /** What the cache does not show may be newer than the cache. */
  async function isStillThere(namespace: string, name: string, uid: string | undefined): Promise<boolean> {
    try {
      const live = await client.get(resources.persistentvolumeclaims, { namespace, name });
      return live.metadata?.uid === uid;
    } catch (error) {
      if (hasReason(error, 'NotFound')) return false;
      throw error;
    }
  }

  async function dropFinalizer(object: PersistentVolume | PersistentVolumeClaim): Promise<void> {
    const { namespace, name = '', resourceVersion = '' } = object.metadata ?? {};
    const isVolume = namespace === undefined;
    const mine = isVolume ? 'kubernetes.io/pv-protection' : 'kubernetes.io/pvc-protection';
    const before = object.metadata?.finalizers ?? [];
    if (!before.includes(mine)) return;
    const metadata = { resourceVersion, finalizers: before.filter((one) => one !== mine) };
    const resource = isVolume ? resources.persistentvolumes : resources.persistentvolumeclaims;
    await client.patch(resource, { name, ...(isVolume ? {} : { namespace }) }, 'merge', { metadata });
  }

  for (const claim of claims.store.values()) claimQueue.enqueue(keyOf(claim));
};
