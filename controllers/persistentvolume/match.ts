import { matchesLabelSelector } from '../../api/object.ts';
import { quantityValue } from '../../api/quantity.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';
import { matchesVolume } from '../scheduler/affinity.ts';

/** The smallest free volume that a claim can have. Upstream: `pkg/volume/persistentvolume` `FindMatchingVolume`. */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  node: Node | undefined,
): PersistentVolume | undefined {
  const size = ({ spec }: PersistentVolume) => quantityValue(spec?.capacity?.storage ?? '0');
  const wanted = quantityValue(claim.spec?.resources?.requests?.storage ?? '0');
  const fitting = [...volumes].filter((volume) => {
    if (isClaimedBy(volume, claim)) return true;
    const { spec = {}, status, metadata } = volume;
    if (spec.claimRef || status?.phase !== 'Available' || metadata?.deletionTimestamp) return false;
    return (
      size(volume) >= wanted &&
      (spec.storageClassName ?? '') === (claim.spec?.storageClassName ?? '') &&
      (spec.volumeMode ?? 'Filesystem') === (claim.spec?.volumeMode ?? 'Filesystem') &&
      (claim.spec?.accessModes ?? []).every((mode) => spec.accessModes?.includes(mode)) &&
      (!claim.spec?.selector || matchesLabelSelector(claim.spec.selector, metadata?.labels)) &&
      (!node || matchesVolume(volume, node))
    );
  });
  const own = fitting.find((volume) => isClaimedBy(volume, claim));
  return own ?? fitting.sort((a, b) => size(a) - size(b))[0];
}

/** Whether a volume is set aside for a claim, by name, or by its UID once bound. */
export function isClaimedBy({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const ref = spec?.claimRef;
  if (ref?.name !== metadata?.name || ref?.namespace !== metadata?.namespace) return false;
  return !ref?.uid || ref.uid === metadata?.uid;
}
