/**
 * A proxy that can be killed: `node --import tsx proxyprocess.ts CONFIGURATION` takes lines of changes (JSON) as its
 * API, starts with the first, and prints `up PID` once its first rules stand.
 */
import { createInterface } from 'node:readline';
import { resources } from '../../api/scheme.ts';
import { createKernel } from '../../kernel/run.ts';
import type { KubeProxyConfiguration } from '../configuration.ts';
import { startDataplane } from '../main.ts';
import { createMemoryApi } from './client.ts';
import type { Change } from './history.ts';

const resourceOf = {
  Service: resources.services,
  EndpointSlice: resources.endpointslices,
  Node: resources.nodes,
};
const configuration = JSON.parse(process.argv[2] ?? '{}') as KubeProxyConfiguration & {
  mode: 'iptables' | 'nftables' | 'ipvs';
};
const api = createMemoryApi();
let started = false;
for await (const line of createInterface(process.stdin)) {
  for (const { kind, key, object } of JSON.parse(line) as Change[])
    if (object) api.put(resourceOf[kind], object);
    else api.remove(resourceOf[kind], key);
  if (started) continue;
  started = true;
  await startDataplane(
    {
      client: api.client,
      kernel: createKernel(),
      nodeName: 'worker',
      mode: configuration.mode,
      configuration,
    },
    { signal: new AbortController().signal },
  );
  process.stdout.write(`up ${process.pid}\n`);
}
