import type { Pod, PodTemplateSpec, StatefulSet } from '../../api/types.ts';
import { revisionLabel } from '../history/history.ts';
import { podFromTemplate } from '../pod-control.ts';

export const podNameLabel = 'statefulset.kubernetes.io/pod-name';
export const podIndexLabel = 'apps.kubernetes.io/pod-index';

/** The number at the end of a pod's name, or -1 where it has none of this set's names. Upstream: getOrdinal. */
export function ordinalOf(set: StatefulSet, pod: Pod): number {
  const prefix = `${set.metadata?.name}-`;
  const { name = '' } = pod.metadata ?? {};
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^(0|[1-9]\d*)$/.test(rest) ? Number(rest) : -1;
}

/** The name of the ControllerRevision that a pod was made from. */
export const revisionOf = (pod: Pod): string => pod.metadata?.labels?.[revisionLabel] ?? '';

/** The pod of one ordinal, whose name and host name never change. Upstream: newStatefulSetPod. */
export function statefulPod(
  set: StatefulSet,
  template: PodTemplateSpec | undefined,
  ordinal: number,
  revision: string,
): Pod {
  const { generateName: _prefix, ...metadata } = podFromTemplate(set, template).metadata ?? {};
  const name = `${set.metadata?.name}-${ordinal}`;
  const { serviceName } = set.spec ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name,
      labels: {
        ...metadata.labels,
        [podNameLabel]: name,
        [podIndexLabel]: String(ordinal),
        [revisionLabel]: revision,
      },
    },
    spec: {
      containers: [],
      ...template?.spec,
      hostname: name,
      ...(serviceName ? { subdomain: serviceName } : {}),
    },
  };
}
