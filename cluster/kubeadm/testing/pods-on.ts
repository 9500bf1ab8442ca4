/** `node pods-on.ts NODE NODE`: in a cluster that was begun here, a pod on each node; prints as JSON what came of it. */
import { resources } from '../../../api/scheme.ts';
import type { Pod } from '../../../api/types.ts';
import { attachCluster } from '../../cluster.ts';

const names = process.argv.slice(2);
const cluster = await attachCluster('v9s');
await cluster.apply(
  names.map(
    (nodeName): Pod => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `on-${nodeName}` },
      spec: {
        nodeName,
        containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', 'echo up; exec sleep 1000'] }],
        terminationGracePeriodSeconds: 0,
      },
    }),
  ),
);
const pods = await cluster.waitFor<Pod>(
  'pods',
  (all) => all.length === names.length && all.every(({ status }) => status?.phase === 'Running'),
  { timeout: 60_000 },
);
const addresses = names.map((name) => pods.find(({ spec }) => spec?.nodeName === name)?.status?.podIP ?? '');
const { items } = await cluster.client.list(resources.nodes);
// Routes follow the nodes.
const patient = `for i in $(seq 100); do ping -c1 -W1 ${addresses[1]} && exit; sleep 0.1; done; exit 1`;
const ping = await cluster.pod(`on-${names[0]}`).exec(['sh', '-c', patient], { allowFailure: true });
console.log(
  JSON.stringify({
    addresses,
    nodes: items.map(({ metadata, status }) => [metadata?.name, status?.addresses?.[0]?.address]),
    ping: ping.exitCode,
    // By way of the other node's kubelet.
    logs: await cluster.logs(`on-${names[1]}`),
  }),
);
cluster.detach();
