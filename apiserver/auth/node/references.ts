import type { Container, Pod } from '../../../api/types.ts';

/** Names of Secrets that a pod needs; its node may read them. Upstream: `pkg/api/v1/pod/util.go`. */
export function secretsOf({ spec }: Pod): Set<string> {
  const names = new Set<string>();
  const add = (name: string | undefined) => name && names.add(name);
  for (const { name } of spec?.imagePullSecrets ?? []) add(name);
  for (const { env = [], envFrom = [] } of containersOf(spec)) {
    for (const { secretRef } of envFrom) add(secretRef?.name);
    for (const { valueFrom } of env) add(valueFrom?.secretKeyRef?.name);
  }
  for (const volume of spec?.volumes ?? []) {
    add(volume.secret?.secretName);
    for (const { secret } of volume.projected?.sources ?? []) add(secret?.name);
    add(volume.azureFile?.secretName);
    add(volume.csi?.nodePublishSecretRef?.name);
    const others = [volume.cephfs, volume.cinder, volume.flexVolume, volume.iscsi, volume.rbd];
    for (const source of [...others, volume.scaleIO, volume.storageos]) add(source?.secretRef?.name);
  }
  return names;
}

export function configMapsOf({ spec }: Pod): Set<string> {
  const names = new Set<string>();
  const add = (name: string | undefined) => name && names.add(name);
  for (const { env = [], envFrom = [] } of containersOf(spec)) {
    for (const { configMapRef } of envFrom) add(configMapRef?.name);
    for (const { valueFrom } of env) add(valueFrom?.configMapKeyRef?.name);
  }
  for (const { configMap, projected } of spec?.volumes ?? []) {
    add(configMap?.name);
    for (const source of projected?.sources ?? []) add(source.configMap?.name);
  }
  return names;
}

/** A generic ephemeral volume has the claim that was made for it. */
export function claimsOf({ metadata, spec }: Pod): Set<string> {
  return new Set(
    (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
      if (ephemeral) return [`${metadata?.name}-${name}`];
      return persistentVolumeClaim ? [persistentVolumeClaim.claimName] : [];
    }),
  );
}

function containersOf(spec: Pod['spec']): Pick<Container, 'env' | 'envFrom'>[] {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec ?? {};
  return [...initContainers, ...containers, ...ephemeralContainers];
}
