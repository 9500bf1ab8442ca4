import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { resources } from '../../../api/scheme.ts';
import { createRequest } from '../../../api/x509/request.ts';
import { startControllers } from '../../../controllers/main.ts';
import { startTestApiserver } from '../../testing/apiserver.ts';
import { kubeconfigOf } from '../../testing/kubectl.ts';
import type { Stage } from './play.ts';

/** An apiserver with controllers and a node that nobody runs, for one kubectl. */
export async function startStage(kubectl: string) {
  const controller = new AbortController();
  const server = await startTestApiserver();
  const { ready } = await startControllers(
    { client: server.client, clusterCidrs: [], scheduler: false, caPem: server.pki.ca, rolesDelayMs: 0 },
    { signal: controller.signal },
  );
  await ready;
  const name = 'node-a';
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }];
  await server.client.create(resources.nodes, {
    metadata: { name },
    status: { capacity: { cpu: '4', memory: '8Gi', pods: '110' }, conditions },
  });
  const config = JSON.parse(await kubeconfigOf(server)) as { contexts: { context: object }[] };
  const stage: Stage = {
    kubectl,
    minor: minorOf(kubectl),
    url: server.url,
    kubeconfig: (namespace) =>
      JSON.stringify({
        ...config,
        apiVersion: 'v1',
        kind: 'Config',
        contexts: config.contexts.map((one) => ({ ...one, context: { ...one.context, namespace } })),
      }),
    words: { REQUEST: certificateRequest() },
  };
  return {
    stage,
    /** Has a namespace made in which a table can be played. */
    async namespace(name: string): Promise<string> {
      await server.client.create(resources.namespaces, { metadata: { name } });
      return name;
    },
    failures: server.failures,
    async stop() {
      controller.abort();
      await server.stop();
    },
  };
}

function minorOf(kubectl: string): number {
  const { clientVersion } = JSON.parse(
    execFileSync(kubectl, ['version', '--client', '-o', 'json'], { encoding: 'utf8' }),
  ) as { clientVersion: { minor: string } };
  return Number.parseInt(clientVersion.minor, 10);
}

function certificateRequest(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return Buffer.from(createRequest(privateKey, { commonName: 'ann', organizations: [] })).toString('base64');
}
