import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasReason } from '../../api/status.ts';
import type { Node, Pod } from '../../api/types.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { createFrom, fileArgument } from '../objects.ts';
import { host } from '../report.ts';
import type { Stage } from '../scenario.ts';

/** What their net-conf.json has. */
const published = '10.244.0.0/16';

/** flannel's manifests as they were published, and what each makes. */
const manifests = {
  today: { file: 'flannel/kube-flannel.yaml', namespace: 'kube-flannel', objects: 6 },
  /** Of the commit that article 000 names; a DaemonSet for each architecture. */
  article: { file: 'flannel/kube-flannel-v0.10.0.yaml', namespace: 'kube-system', objects: 9 },
} as const;

/** flannel's own manifest, with this cluster's network: its pods are the overlay. */
export async function installFlannel(
  stage: Stage,
  podCidr: string,
  of: keyof typeof manifests = 'today',
): Promise<void> {
  const { report, cluster } = stage;
  const isKnown = of === 'today' || (await knowsOldDaemonSets(stage));
  const { file, namespace, objects } = manifests[isKnown ? of : 'today'];
  report.step("flannel's own manifest, whose pods make the network");
  if (!isKnown)
    report.note(
      "This API has no DaemonSets of extensions/v1beta1, as the article's manifest does: it is today's.",
    );
  const before = await stage.kubectl('get nodes');
  report.check(
    'without it no node is Ready',
    before.match(/ NotReady /g)?.length === cluster.spec.nodes.length,
    before,
  );
  const answer =
    podCidr === published ? await createFrom(stage, file) : await createEdited(stage, file, podCidr);
  report.check(
    podCidr === published
      ? 'it is accepted as it stands'
      : "it is accepted, with this cluster's network for its own",
    answer.match(/ created\n/g)?.length === objects,
    answer,
  );
  await report.progress('waiting for the nodes', cluster.waitFor<Node>('nodes', 'Ready'));
  const pods = await report.progress(
    'waiting for its pods',
    cluster.waitFor<Pod>('pods', 'Ready', { namespace, labelSelector: 'app=flannel' }),
  );
  await stage.kubectl(`get pods -n ${namespace} -l app=flannel -o wide`);
  report.check(
    'each node has a pod of it, and is Ready',
    pods.length === cluster.spec.nodes.length,
    String(pods.length),
  );
  const name = pods[0]?.metadata?.name ?? '';
  report.command(name, 'cat /run/flannel/subnet.env');
  const { stdout } = await cluster.pod(name, { namespace }).exec(['cat', '/run/flannel/subnet.env']);
  report.output(stdout);
  report.check(
    "it has told its node what the plugin must know: FLANNEL_NETWORK is net-conf.json's",
    stdout.includes(`FLANNEL_NETWORK=${podCidr}\n`) && stdout.includes('FLANNEL_MTU=1450\n'),
    stdout,
  );
}

/** Kubernetes had them up to 1.15; ours still takes them. */
async function knowsOldDaemonSets({ cluster }: Stage): Promise<boolean> {
  try {
    const path = '/apis/extensions/v1beta1';
    const { resources } = await cluster.client.request<{ resources: { name: string }[] }>('GET', path);
    return resources.some(({ name }) => name === 'daemonsets');
  } catch (error) {
    if (hasReason(error, 'NotFound')) return false;
    throw error;
  }
}

/** The manifest with another network: everybody edits that one line. */
async function createEdited({ report, cluster }: Stage, file: string, podCidr: string): Promise<string> {
  report.command(host, `sed 's#${published}#${podCidr}#' ${fileArgument(file)} | kubectl create -f -`);
  const text = readFileSync(join(packageRoot, 'scenarios', file), 'utf8');
  const { stdout } = await cluster.kubectl(['create', '-f', '-'], text.replaceAll(published, podCidr));
  report.output(stdout);
  return stdout;
}
