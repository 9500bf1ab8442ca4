import { join } from 'node:path';
import type { Client } from '../../api/client.ts';
import { clientSigner, clientUsages } from './request.ts';
import { rotate } from './rotation.ts';
import { openPairStore } from './store.ts';

/** The client certificate of a node that has joined; it changes when it is renewed. */
export interface NodeCertificate {
  /** What to show from now on; for `certificate` of a client. */
  current(): { cert: string; key: string };
  /** Renews it in time, asking with a client that shows it, until `signal` fires. */
  keep(
    options: { client: Client; nodeName: string; onError(error: unknown): void },
    signal: AbortSignal,
  ): void;
}

/**
 * Reads `pki/kubelet-client-current.pem` below `dir`, as `bootstrapNode` left it.
 *
 * @throws Error where there is none, or it has expired and no API would take it
 */
export function openNodeCertificate(dir: string): NodeCertificate {
  const store = openPairStore(join(dir, 'pki'), 'kubelet-client');
  const pair = store.current();
  if (!pair) throw new Error(`${store.path} holds no certificate with its key; join the cluster again`);
  if (pair.notAfter <= Date.now()) {
    const end = new Date(pair.notAfter).toISOString();
    throw new Error(`the certificate in ${store.path} has expired at ${end}; reset the node, and join again`);
  }
  let shown = pair;
  return {
    current: () => shown,
    keep({ client, nodeName, onError }, signal) {
      const request = { nodeName, signerName: clientSigner, clientUsages, usages: clientUsages };
      const onRotated = (next: typeof shown) => {
        shown = next;
      };
      void rotate({ client, store, request, onRotated, onError }, { signal });
    },
  };
}
