import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/types.ts';

const claimName = (template: PersistentVolumeClaim, pod: Pod): string =>
  `${template.metadata?.name}-${pod.metadata?.name}`;

/** The claims of one pod, which outlive it. Upstream: getPersistentVolumeClaims. */
export function claimsOf(set: StatefulSet, pod: Pod): PersistentVolumeClaim[] {
  const { name = '', uid = '', namespace = '' } = set.metadata ?? {};
  const isKept = set.spec?.persistentVolumeClaimRetentionPolicy?.whenDeleted !== 'Delete';
  const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name, uid };
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...template.metadata,
      name: claimName(template, pod),
      namespace,
      labels: { ...template.metadata?.labels, ...set.spec?.selector?.matchLabels },
      ...(isKept ? {} : { ownerReferences: [owner] }),
    },
    ...(template.spec ? { spec: template.spec } : {}),
  }));
}

/** The pod with its claims for volumes, in place of those of the same names. Upstream: updateStorage. */
export function withClaims(set: StatefulSet, pod: Pod): Pod {
  const templates = set.spec?.volumeClaimTemplates ?? [];
  if (templates.length === 0 || !pod.spec) return pod;
  const names = templates.map(({ metadata }) => metadata?.name ?? '');
  const others = (pod.spec.volumes ?? []).filter(({ name }) => !names.includes(name));
  const own = templates.map((template, index) => ({
    name: names[index] ?? '',
    persistentVolumeClaim: { claimName: claimName(template, pod) },
  }));
  return { ...pod, spec: { ...pod.spec, volumes: [...own, ...others] } };
}
