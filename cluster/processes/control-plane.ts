import { createClient } from '../../api/client.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Node } from '../../api/types.ts';
import { startApiserver } from '../../apiserver/main.ts';
import { startControllers } from '../../controllers/main.ts';
import { dnsAddon, dnsRoles } from '../addons.ts';
import { kubeletClientConfig, readPem } from '../credentials.ts';
import { apiserverPort, type ClusterSpec, serviceAccountIssuer, underlay } from '../spec.ts';
import { runProgram } from './program.ts';

/** The socket on the host's loopback that the supervisor hands down; see lab/README.md. */
const inheritedSocket = 3;

void runProgram('control-plane', async ({ spec, state, signal }) => {
  const pem = (name: string) => readPem(state, name);
  const { loopback } = await startApiserver(
    {
      dataDir: state.db,
      listen: [{ fd: inheritedSocket }, { host: '0.0.0.0', port: apiserverPort }],
      tls: { cert: pem('apiserver.crt'), key: pem('apiserver.key'), clientCa: pem('ca.crt') },
      serviceAccount: { privateKey: pem('sa.key'), publicKey: pem('sa.pub'), issuer: serviceAccountIssuer },
      advertise: { host: advertised(spec), port: apiserverPort },
      serviceCidrs: spec.serviceCidrs,
      serviceNodePortRange: spec.serviceNodePortRange,
      kubeletClient: kubeletClientConfig(state),
      initialObjects: initialObjects(spec),
      roles: spec.clusterDns.length > 0 ? dnsRoles() : [],
    },
    { signal },
  );
  const client = createClient({ transport: loopback });
  await startControllers(
    {
      client,
      clusterCidrs: spec.podCidrs,
      nodeCidrMaskSize: 24,
      nodeCidrMaskSizeIpv6: 64,
      caPem: pem('ca.crt'),
      clusterSigning: { cert: pem('ca.crt'), key: pem('ca.key') },
      loadBalancerCidrs: [underlay.loadBalancers],
    },
    { signal },
  );
});

/** Of the family of Services: the endpoint of `kubernetes` must be of its own. */
function advertised({ nodes: [node], serviceCidrs: [first = ''] }: ClusterSpec): string {
  return (first.includes(':') ? node?.address6 : node?.address) ?? '';
}

/** In the order of the spec, so that the control plane has the first pod CIDR, the first worker the second. */
function initialObjects(spec: ClusterSpec): KubeObject[] {
  const nodes = spec.nodes.map(
    ({ name, labels, taints }): Node => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      ...(taints.length > 0 ? { spec: { taints } } : {}),
    }),
  );
  return [...nodes, ...(spec.clusterDns.length > 0 ? dnsAddon(spec) : [])];
}
