import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../../api/client.ts';
import { servingSigner } from './request.ts';
import { rotate } from './rotation.ts';
import { openPairStore, type Pair, type PairStore, readPair } from './store.ts';

/** What the kubelet's API is served with; it changes when it is renewed. */
export interface ServingCertificate {
  current(): { cert: string; key: string };
  /**
   * Renews one that the cluster's CA has signed before it ends, and with `bootstrap` (`serverTLSBootstrap` of a
   * KubeletConfiguration) asks for one as soon as it runs; until somebody approves, the one before is shown. One that
   * the node has signed itself is left alone, as kubelet does.
   */
  keep(
    options: {
      client: Client;
      nodeName: string;
      ips: readonly string[];
      bootstrap?: boolean;
      onError(error: unknown): void;
    },
    signal: AbortSignal,
  ): void;
}

/**
 * The newest of `pki/kubelet-server-current.pem`, which renewals write, and `pki/kubelet.crt` with its key, which whoever
 * made the node did.
 *
 * @throws the system's error where there is neither
 */
export function openServingCertificate(dir: string, ca: string): ServingCertificate {
  const pki = join(dir, 'pki');
  const files = openPairStore(pki, 'kubelet-server');
  const given = readPair(
    readFileSync(join(pki, 'kubelet.crt'), 'utf8') + readFileSync(join(pki, 'kubelet.key'), 'utf8'),
  );
  const renewed = files.current();
  const start = newest(renewed, given);
  if (!start) throw new Error(`${join(pki, 'kubelet.crt')} holds no certificate for the key beside it`);
  let shown = start;
  return {
    current: () => shown,
    keep({ client, nodeName, ips, bootstrap = false, onError }, signal) {
      // Who asks for one does not count what was there before they could ask.
      const before = bootstrap ? renewed : start;
      let known = before && isSignedBy(ca, before) ? before : undefined;
      if (!known && !bootstrap) return;
      const store: PairStore = {
        path: files.path,
        current: () => known,
        put(cert, key) {
          known = files.put(cert, key);
          return known;
        },
      };
      const usages = ['digital signature', 'server auth'];
      const request = { nodeName, signerName: servingSigner, usages, names: { dns: [nodeName], ips } };
      const onRotated = (next: Pair) => {
        shown = next;
      };
      void rotate({ client, store, request, onRotated, onError }, { signal });
    },
  };
}

function isSignedBy(ca: string, { cert }: Pair): boolean {
  return new X509Certificate(cert).verify(new X509Certificate(ca).publicKey);
}

function newest(one: Pair | undefined, other: Pair | undefined): Pair | undefined {
  if (!one || !other) return one ?? other;
  return one.notBefore > other.notBefore ? one : other;
}
