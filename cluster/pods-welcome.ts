import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../api/client.ts';

/** Milliseconds: what a kube-apiserver has missed of its own namespaces it makes a minute later. */
const patience = 90_000;

/**
 * Waits until a pod would be let in, which upstream's control plane is ready for some time after its nodes: there must
 * be the namespaces, and a ServiceAccount, before 1.24 with a token. Rejects with what the API says in the end.
 */
export async function podsWelcome(client: Client): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'welcome' },
    spec: { containers: [{ name: 'main', image: 'pause' }] },
  };
  const ask = async () => {
    for (const namespace of ['kube-public', 'kube-node-lease'])
      await client.request('GET', `/api/v1/namespaces/${namespace}`);
    for (const namespace of ['kube-system', 'default'])
      await client.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
  };
  for (const deadline = performance.now() + patience; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await delay(100);
  }
}
