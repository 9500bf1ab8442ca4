import { createClient } from '../../api/client.ts';
import { startDataplane } from '../../dataplane/main.ts';
import { proxyServers } from '../../dataplane/servers.ts';
import { createKernel } from '../../kernel/run.ts';
import { startNodeAgent } from '../../node-agent/main.ts';
import { nodeRunDir } from '../../node-agent/runtime/paths.ts';
import { clientConfig, readPem } from '../credentials.ts';
import { apiserverPort, OptionError } from '../spec.ts';
import { runProgram } from './program.ts';

/** One process a node: the node-agent and the dataplane, on one API connection pool. */
void runProgram('node', async ({ spec, state, args, signal }) => {
  const node = spec.nodes.find(({ name }) => name === args[0]);
  if (!node)
    throw new OptionError('node', args[0], `one of ${spec.nodes.map(({ name }) => name).join(', ')}`);
  const server = `https://${spec.nodes[0]?.address}:${apiserverPort}`;
  const client = createClient({
    ...clientConfig(state, node.name, server),
    userAgent: `kubelet/${node.name}`,
  });
  const kernel = createKernel();
  await Promise.all([
    startNodeAgent(
      {
        client,
        kernel,
        nodeName: node.name,
        nodeIps: [node.address],
        runDir: nodeRunDir(node.name),
        clusterCidrs: spec.podCidrs,
        clusterDns: spec.clusterDns,
        clusterDomain: spec.clusterDomain,
        caPem: readPem(state, 'ca.crt'),
        resolvConf: '/run/v9s/resolv.conf',
        labels: node.labels,
        taints: node.taints,
      },
      { signal },
    ),
    startDataplane(
      {
        client,
        kernel,
        nodeName: node.name,
        mode: spec.dataplane,
        configuration: { clusterCIDR: spec.podCidrs.join(',') },
        serve: proxyServers,
      },
      { signal },
    ),
  ]);
});
