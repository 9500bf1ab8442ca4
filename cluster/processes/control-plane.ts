import { type Client, createClient } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { startApiserver } from '../../apiserver/main.ts';
import { startControllers } from '../../controllers/main.ts';
import { readPem } from '../credentials.ts';
import { apiserverPort, type ClusterSpec, serviceAccountIssuer } from '../spec.ts';
import { runProgram } from './program.ts';

/** Where the control plane's own components reach the apiserver; on the lab's private tmpfs. */
const socket = '/run/v9s/apiserver.sock';

/** The socket on the host's loopback that the supervisor hands down; see lab/README.md. */
const inheritedSocket = 3;

await runProgram('control-plane', async ({ spec, state, signal }) => {
  const pem = (name: string) => readPem(state, name);
  const apiserver = await startApiserver(
    {
      dataDir: state.db,
      listen: [{ fd: inheritedSocket }, { host: '0.0.0.0', port: apiserverPort }, { path: socket }],
      tls: { cert: pem('apiserver.crt'), key: pem('apiserver.key'), clientCa: pem('ca.crt') },
      serviceAccount: { privateKey: pem('sa.key'), publicKey: pem('sa.pub'), issuer: serviceAccountIssuer },
      advertise: { host: spec.nodes[0]?.address ?? '', port: apiserverPort },
      serviceCidrs: spec.serviceCidrs,
      serviceNodePortRange: spec.serviceNodePortRange,
    },
    { signal },
  );
  await apiserver.ready;
  const client = createClient({ socketPath: socket, userAgent: 'kube-controller-manager' });
  await nameNodes(client, spec);
  await startControllers(
    {
      client,
      clusterCidrs: spec.podCidrs,
      nodeCidrMaskSize: 24,
      nodeCidrMaskSizeIpv6: 64,
      caPem: pem('ca.crt'),
    },
    { signal },
  );
});

/**
 * Gives a new cluster its Nodes in the order of its spec, so that the control plane always has the first pod
 * CIDR, the first worker the second, whoever's agent is up first; the agents find and complete them.
 */
async function nameNodes(client: Client, spec: ClusterSpec): Promise<void> {
  const { items } = await client.list(resources.nodes);
  if (items.length > 0) return;
  for (const { name, labels, taints } of spec.nodes) {
    await client.create(resources.nodes, {
      metadata: { name, labels },
      ...(taints.length > 0 ? { spec: { taints } } : {}),
    });
  }
}
