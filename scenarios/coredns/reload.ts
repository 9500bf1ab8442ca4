import type { V1Pod } from '@kubernetes/client-node';
import { resources } from '../../api/scheme.ts';
import type { Pod } from '../../api/types.ts';
import { createKernel } from '../../kernel/run.ts';
import { findCommand } from '../../lab/doctor.ts';
import { answered } from '../answered.ts';
import { addressOf, nameOf, readyPods } from '../objects.ts';
import { host } from '../report.ts';
import type { Stage } from '../scenario.ts';
import { article, logOf, readyServer } from './server.ts';

const namespace = 'kube-system';

/**
 * An edit of the ConfigMap comes into force by itself. The article's `reload` looks every half minute; a first edit
 * makes that two seconds, and a new pod begins with it.
 */
export async function reloaded(stage: Stage, before: Pod, nginx: readonly V1Pod[]): Promise<void> {
  const { report, kubectl } = stage;
  const [asking, lost] = nginx;
  if (!asking || !lost) throw new Error('there are no two pods with app=nginx');
  report.step('An edit of the Corefile');
  await edit(stage, 's/^ *reload$/& 2s/', (text) => text.replace(/^ *reload$/m, '$& 2s'));
  await kubectl(`delete pod ${before.metadata?.name} -n ${namespace}`);
  report.note('A new pod has it from the beginning. The old one would have, too, after a minute and a half.');
  const pod = await readyServer(stage, before);

  report.step('A headless Service before the same pods');
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'nginx-pods' },
    spec: { clusterIP: 'None', selector: { app: 'nginx' }, ports: [{ port: 80 }] },
  };
  await kubectl('create -f -', JSON.stringify(service));
  const question = 'dig +short nginx-pods.default.svc.cluster.local';
  await answered(stage, asking, question, nginx.map(addressOf), 'its name has the addresses of its pods');

  report.step('Two changes at a time: another edit, and a pod that goes');
  const www = 'rewrite name www.example.com nginx-service.default.svc.cluster.local';
  await edit(stage, `s/^ *errors$/&\\n        ${www}/`, (text) =>
    text.replace(/^ *errors$/m, `$&\n        ${www}`),
  );
  const began = performance.now();
  await annotate(stage, pod);
  await kubectl(`delete pod ${nameOf(lost)} --wait=false`);
  await answered(stage, asking, 'dig +short www.example.com', [article.nginx], 'the new line is in force');
  report.note(
    `${((performance.now() - began) / 1000).toFixed(1)} s after the edit. The annotation makes the kubelet look at the ConfigMap at once; it does once a minute, else. CoreDNS looks at the file every 2 s.`,
  );
  const log = await logOf(stage, pod);
  report.check('the log says it: “Reloading complete”', log.includes('[INFO] Reloading complete'), log);
  const now = await readyServer(stage);
  report.check(
    'it is the same pod, not restarted',
    now.metadata?.uid === pod.metadata?.uid && now.status?.containerStatuses?.[0]?.restartCount === 0,
    JSON.stringify(now.status?.containerStatuses),
  );
  const pods = await readyPods(stage, 'app=nginx', 3);
  await answered(
    stage,
    asking,
    question,
    pods.map(addressOf),
    'the headless name has lost the old pod and has the new one, from Endpoints',
  );
  report.note('`cache 30` keeps names of the cluster, too, as long as their TTL lets it: five seconds.');
}

/** `kubectl edit` with sed for an editor, or what that does. */
async function edit(
  { report, cluster }: Stage,
  expression: string,
  change: (corefile: string) => string,
): Promise<void> {
  if (findCommand('kubectl')) {
    const line = `KUBE_EDITOR="sed -i '${expression}'" kubectl edit configmap coredns -n ${namespace}`;
    report.command(host, line);
    const env = { KUBECONFIG: cluster.kubeconfig };
    const { stdout } = await createKernel().run('sh', ['-c', line], { env });
    report.output(stdout);
    report.check('it is edited', stdout === 'configmap/coredns edited\n', stdout);
    return;
  }
  report.note(`kubectl edit needs kubectl; the ConfigMap is changed as this would: sed '${expression}'`);
  const map = { name: 'coredns', namespace };
  const found = await cluster.client.get(resources.configmaps, map);
  const corefile = change(found.data?.Corefile ?? '');
  await cluster.client.patch(resources.configmaps, map, 'merge', { data: { Corefile: corefile } });
}

async function annotate({ kubectl, cluster }: Stage, { metadata }: Pod): Promise<void> {
  const { name = '' } = metadata ?? {};
  if (findCommand('kubectl')) await kubectl(`annotate pod ${name} -n ${namespace} corefile=edited`);
  else
    await cluster.client.patch(resources.pods, { name, namespace }, 'merge', {
      metadata: { annotations: { corefile: 'edited' } },
    });
}
