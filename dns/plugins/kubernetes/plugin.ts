import { readFileSync } from 'node:fs';
import { type Client, createClient } from '../../../api/client.ts';
import type { Controller, Plugin } from '../../plugin.ts';
import { createHandler } from './answer.ts';
import { type KubernetesOptions, parseOptions } from './options.ts';
import { parseLabelSelector } from './selector.ts';
import { followApi, type Source, serveObjects } from './source.ts';

/** Answers for a cluster's zone from its Services, EndpointSlices and Pods. */
export const kubernetes: Plugin = {
  name: 'kubernetes',
  setup(controller) {
    const { block, surroundings, tokens } = controller;
    const options = parseOptions(controller);
    for (const selector of [options.labels, options.namespaceLabels]) {
      try {
        if (selector !== undefined) parseLabelSelector(selector);
      } catch (error) {
        throw tokens.error(
          `unable to parse label selector value: '${selector}': ${(error as Error).message}`,
        );
      }
    }
    const source = openSource(controller, options);
    const { records } = source;
    block.readiness.push({ name: 'kubernetes', ready: () => records.synced });
    controller.onStart(() => waitForApi(source, options.startupTimeout, surroundings.log));
    return (next) =>
      createHandler({
        records,
        options,
        localAddresses: surroundings.localAddresses,
        lookup: (query) => block.lookup(query),
        next,
      });
  },
};

function openSource(controller: Controller, options: KubernetesOptions): Source {
  const { surroundings } = controller;
  if (surroundings.objects) return serveObjects(surroundings.objects, options);
  const end = new AbortController();
  controller.onStop(() => end.abort());
  const told = new Map<string, string>();
  return followApi(clientOf(surroundings.client, options), options, end.signal, (resource, error) => {
    const text = error instanceof Error ? error.message : String(error);
    if (told.get(resource) === text) return;
    told.set(resource, text);
    surroundings.log.warning(
      `plugin/kubernetes: failed to list and watch ${resource}: ${text}; trying again`,
    );
  });
}

/** `endpoint` and `tls` take the place of what the pod's environment says. */
function clientOf(usual: () => Client, { endpoint, tls }: KubernetesOptions): Client {
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
async function waitForApi(
  { synced }: Source,
  timeout: number,
  log: { info(text: string): void; warning(text: string): void },
): Promise<void> {
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
