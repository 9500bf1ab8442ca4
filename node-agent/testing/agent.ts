import { createClient } from '../../api/client.ts';
import { createKernel } from '../../kernel/run.ts';
import { startNodeAgent } from '../main.ts';

/** One node-agent as a process of its own: `agent.ts SOCKET NODE ADDRESS`. Prints its process id, then `ready`. */
const [socketPath = '', nodeName = '', address = ''] = process.argv.slice(2);
const end = new AbortController();
process.once('SIGTERM', () => end.abort());

process.stdout.write(`${process.pid}\n`);
const agent = await startNodeAgent(
  {
    client: createClient({ socketPath }),
    kernel: createKernel(),
    nodeName,
    nodeIps: [address],
    clusterCidrs: ['10.244.0.0/16'],
    runDir: `/run/v9s/nodes/${nodeName}`,
    clusterDns: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    caPem: 'not a certificate\n',
    resolvConf: '/etc/resolv.conf',
  },
  { signal: end.signal },
);
await agent.ready;
process.stdout.write('ready\n');
