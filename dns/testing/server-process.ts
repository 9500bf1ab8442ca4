import { startDns } from '../main.ts';
import { upstreamCluster } from './objects.ts';

/** `server-process.ts COREFILE`: a server of its own process; its text is the Corefile, it says on which port it is. */
const [corefileText = ''] = process.argv.slice(2);
const dns = await startDns(
  { corefileText, objects: upstreamCluster },
  { signal: new AbortController().signal },
);
console.log(`listening on :${[...dns.ports.values()][0]}`);
