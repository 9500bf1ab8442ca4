import { createClient } from '../../api/client.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Node, StorageClass } from '../../api/types.ts';
import { startApiserver } from '../../apiserver/main.ts';
import { startControllers } from '../../controllers/main.ts';
import { dnsAddon, dnsRoles } from '../addons.ts';
import { kubeletClientConfig, readPem } from '../credentials.ts';
import { etcdOptions } from '../etcd.ts';
import {
  apiserverPort,
  type ClusterSpec,
  controlPlanes,
  type NodeSpec,
  OptionError,
  serviceAccountIssuer,
  underlay,
} from '../spec.ts';
import { runProgram } from './program.ts';

/** The socket on the host's loopback that the supervisor hands down; see lab/README.md. */
const inheritedSocket = 3;

void runProgram('control-plane', async ({ spec, state, args, signal }) => {
  const nodes = controlPlanes(spec);
  const node = nodes.find(({ name }) => name === args[0]);
  if (!node) throw new OptionError('node', args[0], `one of ${nodes.map(({ name }) => name).join(', ')}`);
  const etcd = etcdOptions(spec, state, node);
  const pem = (name: string) => readPem(state, name);
  const { loopback } = await startApiserver(
    {
      dataDir: state.db,
      ...(etcd ? { etcd } : {}),
      listen: [
        ...(spec.onMachine ? [] : [{ fd: inheritedSocket }]),
        { host: '0.0.0.0', port: apiserverPort },
      ],
      tls: { cert: pem('apiserver.crt'), key: pem('apiserver.key'), clientCa: pem('ca.crt') },
      serviceAccount: { privateKey: pem('sa.key'), publicKey: pem('sa.pub'), issuer: serviceAccountIssuer },
      advertise: { host: advertised(spec, node), port: apiserverPort },
      serviceCidrs: spec.serviceCidrs,
      serviceNodePortRange: spec.serviceNodePortRange,
      kubeletClient: kubeletClientConfig(state),
      initialObjects: initialObjects(spec),
      roles: spec.clusterDns.length > 0 ? dnsRoles() : [],
    },
    { signal },
  );
  const client = createClient({ transport: loopback });
  const startAll = (signal: AbortSignal) =>
    startControllers(
      {
        client,
        clusterCidrs: spec.podCidrs,
        nodeCidrMaskSize: 24,
        nodeCidrMaskSizeIpv6: 64,
        caPem: pem('ca.crt'),
        clusterSigning: { cert: pem('ca.crt'), key: pem('ca.key') },
        loadBalancerCidrs: loadBalancerCidrs(spec),
      },
      { signal },
    );
  if (!etcd) {
    await startAll(signal);
    return;
  }
  const { runElected } = await import('../../api/leader-election.ts');
  const onError = (error: unknown) => void process.stderr.write(`leader election: ${error}\n`);
  const candidate = { client, identity: `${node.name}_${spec.name}`, onError };
  // As on any cluster: nothing is scheduled or controlled twice, by ours or by others under these names.
  void runElected(
    { ...candidate, name: 'kube-controller-manager' },
    (leading) =>
      void runElected(
        { ...candidate, name: 'kube-scheduler' },
        (scheduling) => void startAll(scheduling).catch(onError),
        { signal: leading },
      ),
    { signal },
  );
});

/** Of the family of Services: the endpoint of `kubernetes` must be of its own. */
function advertised({ serviceCidrs: [first = ''] }: ClusterSpec, { address, address6 }: NodeSpec): string {
  return (first.includes(':') ? address6 : address) ?? '';
}

/** Volumes on the node that uses them first; who names no class has one of this. */
const standardClass: StorageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: {
    name: 'standard',
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  provisioner: 'vethernetes.io/local-path',
  volumeBindingMode: 'WaitForFirstConsumer',
};

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
  return [...nodes, standardClass, ...(spec.clusterDns.length > 0 ? dnsAddon(spec) : [])];
}

/** A machine's own network has no addresses to give away. */
function loadBalancerCidrs({ onMachine, nodes }: ClusterSpec): string[] {
  if (onMachine) return [];
  const hasIpv6 = nodes.some(({ address6 }) => address6 !== undefined);
  return [underlay.loadBalancers, ...(hasIpv6 ? [underlay.loadBalancers6] : [])];
}
