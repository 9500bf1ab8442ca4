import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node, Pod } from '../../api/types.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { fileArgument } from '../objects.ts';
import { host } from '../report.ts';
import type { Stage } from '../scenario.ts';

const manifest = 'flannel/kube-flannel.yaml';
const namespace = 'kube-flannel';

/** flannel's own manifest, with this cluster's network: its pods are the overlay. */
export async function installFlannel(stage: Stage, podCidr: string): Promise<void> {
  const { report, cluster } = stage;
  report.step("flannel's own manifest, whose pods make the network");
  const before = await stage.kubectl('get nodes');
  report.check(
    'without it no node is Ready',
    before.match(/ NotReady /g)?.length === cluster.spec.nodes.length,
    before,
  );
  const text = readFileSync(join(packageRoot, 'scenarios', manifest), 'utf8');
  report.command(host, `sed 's#10.244.0.0/16#${podCidr}#' ${fileArgument(manifest)} | kubectl create -f -`);
  const edited = text.replaceAll('10.244.0.0/16', podCidr);
  const { stdout: answer } = await cluster.kubectl(['create', '-f', '-'], edited);
  report.output(answer);
  report.check(
    "it is accepted, with this cluster's network for its own",
    answer.match(/ created\n/g)?.length === 6,
    answer,
  );
  await report.progress('waiting for the nodes', cluster.waitFor<Node>('nodes', 'Ready'));
  const pods = await report.progress(
    'waiting for its pods',
    cluster.waitFor<Pod>('pods', 'Ready', { namespace }),
  );
  await stage.kubectl(`get pods -n ${namespace} -o wide`);
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
