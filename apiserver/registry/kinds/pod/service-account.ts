import { resources } from '../../../../api/scheme.ts';
import { statusError } from '../../../../api/status.ts';
import type { Pod, Volume } from '../../../../api/types.ts';
import { generateName } from '../../pipeline/metadata.ts';
import type { WriteContext } from '../../strategy.ts';

/** Where programs in a pod look for their credentials. */
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Upstream asks for 7 seconds more than an hour, so that its metrics can tell these tokens. */
const tokenSeconds = 3607;

/**
 * Gives a new pod the account it runs as and the volume with that account's token, the cluster's CA and the
 * pod's namespace, unless pod or account opt out. Upstream: `plugin/pkg/admission/serviceaccount`.
 *
 * @throws StatusError `Forbidden` when the pod names an account that is not there
 */
export function admitServiceAccount(pod: Pod, { lookup }: WriteContext): void {
  const { spec } = pod;
  // A mirror shows what runs already.
  if (!spec || pod.metadata?.annotations?.['kubernetes.io/config.mirror']) return;
  const named = spec.serviceAccountName || spec.serviceAccount;
  const name = named || 'default';
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
  const namespace = pod.metadata?.namespace ?? 'default';
  const account = lookup.get(resources.serviceaccounts, name, namespace);
  // The default account is made by a controller moments after its namespace; the kubelet waits for it.
  if (!account && named && named !== 'default') throw accountMissing(pod, namespace, name);
  if (!(spec.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true)) return;
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const without = containers.filter(
    ({ volumeMounts }) => !(volumeMounts ?? []).some((mount) => mount.mountPath === mountPath),
  );
  if (without.length === 0) return;
  const present = (spec.volumes ?? []).find((volume) => volume.name.startsWith('kube-api-access-'));
  const volume = present ?? accessVolume();
  if (!present) spec.volumes = [...(spec.volumes ?? []), volume];
  for (const container of without) {
    container.volumeMounts = [
      ...(container.volumeMounts ?? []),
      { name: volume.name, readOnly: true, mountPath },
    ];
  }
}

function accessVolume(): Volume {
  return {
    name: generateName('kube-api-access-'),
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}

function accountMissing(pod: Pod, namespace: string, name: string): Error {
  const { name: podName = '', generateName = '' } = pod.metadata ?? {};
  const subject = podName || generateName;
  const why = `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`;
  return statusError('Forbidden', `pods ${JSON.stringify(subject)} is forbidden: ${why}`, {
    name: subject,
    kind: 'pods',
  });
}
