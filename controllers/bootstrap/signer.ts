import {
  clusterInfoKey,
  clusterInfoName,
  clusterInfoNamespace,
  isBootstrapSecret,
  readBootstrapSecret,
  signaturePrefix,
} from '../../api/bootstrap-secret.ts';
import { detachedSignature } from '../../api/bootstrap-token.ts';
import { resources } from '../../api/scheme.ts';
import type { Secret } from '../../api/types.ts';
import type { Controller } from '../context.ts';

const key = `${clusterInfoNamespace}/${clusterInfoName}`;

/**
 * Signs the kubeconfig in kube-public/cluster-info with every bootstrap token that is for it, so that who has a token
 * knows whether the cluster they found is the one. Upstream: `pkg/controller/bootstrap/bootstrapsigner.go`.
 */
export const startBootstrapSignerController: Controller = ({ client, informers, reconciler }) => {
  const queue = reconciler('bootstrap-signer', async () => {
    const info = informers.configmaps.store.get(key);
    const content = info?.data?.[clusterInfoKey];
    if (!info || content === undefined) return;
    const { data = {} } = info;
    const others = Object.entries(data).filter(([name]) => !name.startsWith(signaturePrefix));
    const wanted = {
      ...Object.fromEntries(others),
      ...signatures([...informers.secrets.store.values()], content),
    };
    if (isSame(wanted, data)) return;
    await client.update(resources.configmaps, { ...info, data: wanted });
  });
  informers.configmaps.onChange((change) => {
    if (change.key === key) queue.enqueue(key);
  });
  informers.secrets.onChange(({ object }) => {
    if (isBootstrapSecret(object)) queue.enqueue(key);
  });
  queue.enqueue(key);
};

/** `jws-kubeconfig-ID` of each token that is good and for signing. */
function signatures(secrets: readonly Secret[], content: string): Record<string, string> {
  const signed = secrets.filter(isBootstrapSecret).flatMap((secret) => {
    const grant = readBootstrapSecret(secret);
    if ('refused' in grant || !grant.usages.includes('signing')) return [];
    if (grant.expires !== undefined && grant.expires <= Date.now()) return [];
    return [[`${signaturePrefix}${grant.token.id}`, detachedSignature(content, grant.token)] as const];
  });
  return Object.fromEntries(signed);
}

function isSame(one: Record<string, string>, other: Record<string, string>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
