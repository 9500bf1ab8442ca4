import { join } from 'node:path';
import { type Client, createClient } from '../../api/client.ts';
import { startApiserver } from '../../apiserver/main.ts';
import { startControllers } from '../../controllers/main.ts';
import { dnsRoles } from '../addons.ts';
import { kubeletClientConfig, proxyClientConfig, readPem } from '../credentials.ts';
import { etcdOptions } from '../etcd.ts';
import { initialObjects } from '../initial-objects.ts';
import { isOurs } from '../programs.ts';
import {
  apiserverPort,
  type ClusterSpec,
  controlPlanes,
  type NodeSpec,
  OptionError,
  serviceAccountIssuer,
  underlay,
} from '../spec.ts';
import type { StateDir } from '../state.ts';
import { runProgram } from './program.ts';

/** The socket on the host's loopback that the supervisor hands down; see lab/README.md. */
const inheritedSocket = 3;

void runProgram('control-plane', async ({ spec, state, args, signal }) => {
  const nodes = controlPlanes(spec);
  const node = nodes.find(({ name }) => name === args[0]);
  if (!node) throw new OptionError('node', args[0], `one of ${nodes.map(({ name }) => name).join(', ')}`);
  const client = isOurs(spec, 'kube-apiserver')
    ? await serve(spec, state, node, signal)
    : await (await import('./foreign-api.ts')).reachForeignApi(
        { spec, state, node, inheritedSocket },
        signal,
      );
  const own = {
    controllers: isOurs(spec, 'kube-controller-manager'),
    scheduler: isOurs(spec, 'kube-scheduler'),
  };
  if (!own.controllers && !own.scheduler) return;
  const startAll = (signal: AbortSignal) =>
    startControllers(
      {
        client,
        ...own,
        clusterCidrs: spec.podCidrs,
        nodeCidrMaskSize: 24,
        nodeCidrMaskSizeIpv6: 64,
        caPem: readPem(state, 'ca.crt'),
        legacyTokens: spec.legacyServiceAccountTokens ?? false,
        clusterSigning: { cert: readPem(state, 'ca.crt'), key: readPem(state, 'ca.key') },
        loadBalancerCidrs: loadBalancerCidrs(spec),
      },
      { signal },
    );
  if (spec.store !== 'etcd') {
    await startAll(signal);
    return;
  }
  const { runElected } = await import('../../api/leader-election.ts');
  const onError = (error: unknown) => void process.stderr.write(`leader election: ${error}\n`);
  const candidate = { client, identity: `${node.name}_${spec.name}`, onError };
  // As on any cluster: nothing is scheduled or controlled twice, by ours or by others under these names.
  const names = [
    ...(own.controllers ? ['kube-controller-manager'] : []),
    ...(own.scheduler ? ['kube-scheduler'] : []),
  ];
  const elect = ([name, ...others]: readonly string[], scope: AbortSignal): void =>
    name === undefined
      ? void startAll(scope).catch(onError)
      : void runElected({ ...candidate, name }, (leading) => elect(others, leading), { signal: scope });
  elect(names, signal);
});

async function serve(
  spec: ClusterSpec,
  state: StateDir,
  node: NodeSpec,
  signal: AbortSignal,
): Promise<Client> {
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
      ...(spec.audit ? { audit: { logPath: join(state.log, 'audit.log'), ...spec.audit } } : {}),
      serviceCidrs: spec.serviceCidrs,
      serviceNodePortRange: spec.serviceNodePortRange,
      kubeletClient: kubeletClientConfig(state),
      proxyClient: proxyClientConfig(state),
      initialObjects: initialObjects(spec),
      roles: spec.clusterDns.length > 0 ? dnsRoles() : [],
    },
    { signal },
  );
  return createClient({ transport: loopback });
}

/** Of the family of Services: the endpoint of `kubernetes` must be of its own. */
function advertised({ serviceCidrs: [first = ''] }: ClusterSpec, { address, address6 }: NodeSpec): string {
  return (first.includes(':') ? address6 : address) ?? '';
}

/** A machine's own network has no addresses to give away. */
function loadBalancerCidrs({ onMachine, nodes }: ClusterSpec): string[] {
  if (onMachine) return [];
  const hasIpv6 = nodes.some(({ address6 }) => address6 !== undefined);
  return [underlay.loadBalancers, ...(hasIpv6 ? [underlay.loadBalancers6] : [])];
}
