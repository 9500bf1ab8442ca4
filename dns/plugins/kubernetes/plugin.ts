import { readFileSync } from 'node:fs';
import { type Client, createClient } from '../../../api/client.ts';
import type { Log, Plugin } from '../../plugin.ts';
import { createHandler } from './answer.ts';
import { createMetadata } from './metadata.ts';
import { type KubernetesOptions, parseOptions } from './options.ts';
import { createRecords, type Records } from './records.ts';
import { createSearchPath } from './search.ts';
import { followShared, recordsOf } from './source.ts';
import { zoneRecords } from './transfer.ts';

/** Answers for a cluster's zone from its Services, EndpointSlices and Pods. */
export const kubernetes: Plugin = {
  name: 'kubernetes',
  setup(controller) {
    const { block, surroundings } = controller;
    const options = parseOptions(controller);
    controller.repeatable();
    let records: Records = createRecords();
    let imports: Records | undefined;
    block.readiness.push({ name: 'kubernetes', ready: () => records.synced });
    if (surroundings.objects) {
      records = recordsOf(surroundings.objects, options);
      if (options.multiclusterZones.length > 0)
        imports = recordsOf(surroundings.objects, options, 'clusterset');
    } else {
      let release = () => {};
      controller.onStart(async () => {
        const client = () => clientOf(surroundings.client, options);
        const followed = await followShared(surroundings.client, client, options, {
          onError: createComplaint(surroundings.log),
          onInstead: (reason) =>
            surroundings.log.info(`plugin/kubernetes: following Endpoints, not EndpointSlices: ${reason}`),
        });
        ({ records, imports, release } = followed);
        await waitForApi(followed.synced, options.startupTimeout, surroundings.log);
      });
      controller.onStop(() => release());
    }
    const localAddresses = () => boundAddresses(block.hosts, surroundings.localAddresses);
    block.transferers.push((zone) => zoneRecords({ records, imports, options, localAddresses }, zone));
    block.searchPaths.set(
      'kubernetes',
      createSearchPath(() => records, options),
    );
    block.metadata.push(createMetadata(() => records, options));
    return (next) =>
      createHandler({
        records: () => records,
        imports: () => imports,
        options,
        localAddresses,
        lookup: (query) => block.lookup(query),
        next,
        lasting: controller.lasting,
      });
  },
};

/** Where the zone's name server is: the addresses that `bind` gave the block, or all of this machine; no loopback. */
function boundAddresses(hosts: readonly string[], all: () => readonly string[]): readonly string[] {
  return hosts.length === 0 ? all() : hosts.filter((host) => !/^127\.|^::1$/.test(host));
}

/** Says what went wrong with a watch, once until it is something else. */
function createComplaint(log: Log): (resource: string, error: unknown) => void {
  const told = new Map<string, string>();
  return (resource, error) => {
    const text = error instanceof Error ? error.message : String(error);
    if (told.get(resource) === text) return;
    told.set(resource, text);
    log.warning(`plugin/kubernetes: failed to list and watch ${resource}: ${text}; trying again`);
  };
}

/** `kubeconfig`, or `endpoint` and `tls`, take the place of what the pod's environment says. */
async function clientOf(
  usual: () => Client,
  { endpoint, tls, kubeconfig }: KubernetesOptions,
): Promise<Client> {
  if (kubeconfig) {
    const { loadKubeconfig } = await import('../../../api/kubeconfig.ts'); // its YAML parser is a slow load
    return createClient(loadKubeconfig(kubeconfig.file, kubeconfig.context));
  }
  if (endpoint === undefined) return usual();
  const [cert, key, ca] = (tls ?? []).map((file) => readFileSync(file, 'utf8'));
  return createClient({
    server: endpoint.includes('://') ? endpoint : `http://${endpoint}`,
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(ca ? { ca } : {}),
  });
}

/** The server starts once the API has been read; without it after a time, answering SERVFAIL until it has been. */
async function waitForApi(synced: Promise<void>, timeout: number, log: Log): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const patience = setTimeout(() => late.resolve('late'), timeout);
  const reminder = setInterval(
    () => log.info('plugin/kubernetes: waiting for Kubernetes API before starting server'),
    500,
  );
  const first = await Promise.race([synced, late.promise]);
  clearTimeout(patience);
  clearInterval(reminder);
  if (first === 'late') log.warning('plugin/kubernetes: starting server with unsynced Kubernetes API');
}
