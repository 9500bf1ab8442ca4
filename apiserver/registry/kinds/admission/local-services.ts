import { apiVersionOf } from '../../../../api/scheme.ts';
import type { APIService } from '../../../../api/types.ts';
import { servedResources } from '../rows.ts';

/** Which groups clients are to prefer. Upstream: `pkg/controlplane/apiserver/aggregator.go` `apiVersionPriorities`. */
const priorities: Readonly<Record<string, number>> = {
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
};

/** The group versions that this server itself serves, as `kubectl get apiservices` lists them. */
export function localServices(): APIService[] {
  const reviews = ['authentication.k8s.io', 'authorization.k8s.io'].map((group) => ({
    group,
    version: 'v1',
  }));
  const all = [...servedResources.map(({ served }) => served), ...reviews];
  const versions = new Map(all.map((one) => [apiVersionOf(one), one]));
  return [...versions.values()]
    .filter(({ group }) => group !== 'apiregistration.k8s.io')
    .map(({ group, version }) => ({
      metadata: {
        name: `${version}.${group}`,
        labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' },
      },
      spec: {
        ...(group ? { group } : {}),
        version,
        groupPriorityMinimum: priorities[group] ?? 16_000,
        versionPriority: version.includes('beta') ? 9 : version === 'v2' ? 30 : group ? 15 : 1,
      },
    }));
}
