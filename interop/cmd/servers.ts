import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../api/object.ts';
import { startTestApiserver } from '../../apiserver/testing/apiserver.ts';
import { createTestPki } from '../../apiserver/testing/pki.ts';
import { startControllers } from '../../controllers/main.ts';

/** An apiserver and controllers, as upstream's test-cmd.sh starts them: nobody schedules, everything is allowed. */
export async function startServers(
  { tokenFile, clientCa }: { tokenFile: string; clientCa: string },
  folder: string,
) {
  const pki = createTestPki();
  const controller = new AbortController();
  const server = await startTestApiserver(
    {
      serviceCidrs: ['10.0.0.0/24'],
      disableAdmissionPlugins: ['ServiceAccount'],
      tokenFile,
      tls: { ...pki.server, clientCa },
      roles: [everythingAllowed],
    },
    folder,
  );
  const { ready } = await startControllers(
    { client: server.client, clusterCidrs: [], scheduler: false },
    { signal: controller.signal },
  );
  await ready;
  return {
    port: Number(server.url.split(':').at(-1)),
    /** PEM, as kube-apiserver writes it into its folder of certificates. */
    certificate: pki.server.cert,
    failures: server.failures,
    async stop() {
      controller.abort();
      await delay(50);
      await server.stop();
    },
  };
}

/** `--authorization-mode=RBAC,AlwaysAllow` */
const everythingAllowed: KubeObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'always-allow' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:authenticated' },
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:unauthenticated' },
  ],
} as KubeObject;
