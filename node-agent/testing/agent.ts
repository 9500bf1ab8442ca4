import { createClient } from '../../api/client.ts';
import { createKernel, type Kernel } from '../../kernel/run.ts';
import { startNodeAgent } from '../main.ts';
import { helperProgram } from '../runtime/starter.ts';

/**
 * One node-agent as a process of its own: `agent.ts SOCKET NODE ADDRESS [MOMENT COUNT]`. Prints its process id, then
 * `ready`. With the last two it kills itself when it has been ready and runs that many a command: `before` that one
 * starts, while it is at work (`during`), or `after` it and before its outcome is known.
 */
const [socketPath = '', nodeName = '', address = '', moment, count] = process.argv.slice(2);
let isReady = false;
const end = new AbortController();
process.once('SIGTERM', () => end.abort());

process.stdout.write(`${process.pid}\n`);
const kernel = createKernel({ helper: helperProgram() });
const agent = await startNodeAgent(
  {
    client: createClient({ socketPath }),
    kernel: moment ? interrupted(kernel) : kernel,
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
isReady = true;
process.stdout.write('ready\n');

function interrupted(kernel: Kernel): Kernel {
  let left = Number(count);
  const end = () => process.kill(process.pid, 'SIGKILL');
  const counted = async <T>(start: () => Promise<T>): Promise<T> => {
    const isLast = isReady && --left === 0;
    if (isLast && moment === 'before') end();
    const running = start();
    if (isLast && moment === 'during') setTimeout(end, 1);
    const output = await running;
    if (isLast) end();
    return output;
  };
  const { helper } = kernel;
  return {
    ...kernel,
    run: (file, args, options) => counted(() => kernel.run(file, args, options)),
    ...(helper ? { helper: { ...helper, ask: (...request) => counted(() => helper.ask(...request)) } } : {}),
  };
}
