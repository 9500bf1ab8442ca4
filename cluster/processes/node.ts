import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Client, createClient } from '../../api/client.ts';
import { startInformer } from '../../api/informer.ts';
import { serverListens } from '../../api/listening.ts';
import { resources } from '../../api/scheme.ts';
import { startDataplane } from '../../dataplane/main.ts';
import { proxyServers } from '../../dataplane/servers.ts';
import { cgroupsGiven } from '../../kernel/cgroups/lab.ts';
import { createKernel } from '../../kernel/run.ts';
import { startNodeAgent } from '../../node-agent/main.ts';
import { startAnnouncing } from '../../node-agent/network/announce.ts';
import { nodeRunDir } from '../../node-agent/runtime/paths.ts';
import { helperProgram } from '../../node-agent/runtime/starter.ts';
import { clientConfig, kubeletServing, proxyName, readPem } from '../credentials.ts';
import { imageFolder } from '../images.ts';
import { joinedCredentials } from '../kubeadm/credentials.ts';
import { nodeAddresses } from '../pod-network.ts';
import { apiserverPort, type ClusterSpec, controlPlanes, type NodeSpec, OptionError } from '../spec.ts';
import { traceCommand } from '../trace.ts';
import { runProgram } from './program.ts';
import { createProxy } from './proxy.ts';
import { provideTools } from './tools.ts';

/**
 * One process a node: the node-agent as the node's user, the dataplane as kube-proxy, on one watch of what both
 * follow. SIGHUP tells that cluster.json has another dataplane, which then takes over while the node-agent goes on.
 */
void runProgram('node', async ({ spec, state, args, signal }) => {
  const node = spec.nodes.find(({ name }) => name === args[0]);
  if (!node)
    throw new OptionError('node', args[0], `one of ${spec.nodes.map(({ name }) => name).join(', ')}`);
  const { kubelet = {} } = spec;
  const hosts = nearest(spec, node);
  const [host = ''] = hosts;
  const servers = hosts.map((one) => `https://${one}:${apiserverPort}`);
  const [server = ''] = servers;
  if (node === spec.nodes[0]) provideTools(spec, state, server);
  const own = node.joined ? await joinedCredentials(state, node.name) : undefined;
  const listens = serverListens({ host, port: apiserverPort }, { signal });
  const client = createClient({
    ...(own?.client ?? clientConfig(state, node.name, server)),
    ...(servers.length > 1 ? { servers } : {}),
    userAgent: `kubelet/${node.name}`,
    after: listens,
  });
  // What a node itself may not read, kube-proxy may.
  let proxyClient: Client | undefined;
  const clientOfProxy = () => {
    // A machine that joined has no certificate for it.
    if (!existsSync(join(state.pki, `${proxyName}.crt`))) return client;
    proxyClient ??= createClient({
      ...clientConfig(state, proxyName, server),
      ...(servers.length > 1 ? { servers } : {}),
      userAgent: `${proxyName}/${node.name}`,
      after: listens,
    });
    return proxyClient;
  };
  own?.keep(
    {
      client,
      nodeName: node.name,
      ips: nodeAddresses(spec, node),
      kubelet,
      onError: (error) => void process.stderr.write(`renewing a certificate: ${error}\n`),
    },
    signal,
  );
  const runDir = nodeRunDir(node.name);
  const kernel = createKernel({
    helper: helperProgram(),
    ...(spec.trace ? { onCommand: traceCommand } : {}),
  });
  const watching = (what: string) => ({
    signal,
    onError: (error: unknown) => process.stderr.write(`watching ${what}: ${error}\n`),
  });
  const informers = {
    nodes: startInformer(client, resources.nodes, watching('nodes')),
    services: startInformer(client, resources.services, watching('services')),
  };
  const proxy = createProxy(
    {
      state,
      runDir,
      start: (settings, scope) =>
        startDataplane(
          {
            client: clientOfProxy(),
            informers,
            kernel,
            nodeName: node.name,
            serve: proxyServers,
            ...settings,
          },
          scope,
        ),
    },
    { signal },
  );
  process.on('SIGHUP', () => void proxy.settle());
  const onError = (what: string, error: unknown) => void process.stderr.write(`${what}: ${error}\n`);
  startAnnouncing({ kernel, nodeName: node.name, services: informers.services, onError }, signal);
  await Promise.all([
    startNodeAgent(
      {
        client,
        informers,
        kernel,
        nodeName: node.name,
        nodeIps: nodeAddresses(spec, node),
        runDir,
        cgroups: cgroupsGiven(),
        imageStore: imageFolder(state.root),
        hidden: [clustersFolder(state.root)],
        clusterCidrs: spec.podCidrs,
        ...(spec.overlay ? { overlay: spec.overlay } : {}),
        ...(spec.bridge ? { bridge: spec.bridge } : {}),
        ...(spec.cni ? { cni: spec.cni } : {}),
        clusterDns: kubelet.clusterDns ?? spec.clusterDns,
        clusterDomain: kubelet.clusterDomain ?? spec.clusterDomain,
        kubelet,
        caPem: readPem(state, 'ca.crt'),
        resolvConf: kubelet.resolvConf ?? '/run/v9s/resolv.conf',
        ...(kubelet.enableServer === false
          ? {}
          : { serving: own?.serving ?? kubeletServing(state, node.name) }),
        labels: node.labels,
        taints: node.taints,
      },
      { signal },
    ),
    proxy.settle(),
  ]);
});

/** With other clusters beside it, where it is in the usual place. */
function clustersFolder(root: string): string {
  return basename(dirname(root)) === 'vethernetes' ? dirname(root) : root;
}

/** The apiservers in the order in which a node tries them: its own, or another one for each node, and then the rest. */
function nearest(spec: ClusterSpec, node: NodeSpec): string[] {
  const hosts = controlPlanes(spec).map(({ address }) => address);
  const own = hosts.indexOf(node.address);
  const first = own >= 0 ? own : spec.nodes.indexOf(node) % hosts.length;
  return [...hosts.slice(first), ...hosts.slice(0, first)];
}
