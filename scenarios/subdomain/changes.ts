import { readFileSync } from 'node:fs';
import type { V1Pod } from '@kubernetes/client-node';
import { resources } from '../../api/scheme.ts';
import type { Deployment, Pod } from '../../api/types.ts';
import { findCommand } from '../../lab/doctor.ts';
import { answered } from '../answered.ts';
import { addressOf, fileArgument, nameOf, readyPods } from '../objects.ts';
import type { Stage } from '../scenario.ts';
import { fqdn, headless, nameIn, selector } from './names.ts';

const manifest = 'subdomain/busybox.yaml';

/** Names follow pods: one more, one less, the same again, many of one name. */
export async function changes(stage: Stage, first: V1Pod): Promise<void> {
  const asking = await second(stage, first);
  await deleted(stage, asking);
  await again(stage, first, asking);
  await scaled(stage, asking);
}

/** The article's pod under another name. */
async function second(stage: Stage, first: V1Pod): Promise<V1Pod> {
  const { report, kubectl } = stage;
  report.step('A second pod, busybox-2');
  const [, own = ''] = readFileSync(fileArgument(manifest), 'utf8').split('---\n');
  const other = own.replace('busybox1', 'busybox2').replace('busybox-1', 'busybox-2');
  await kubectl('create -f -', other);
  const pods = await readyPods(stage, selector, 2);
  const pod = pods.find((each) => nameOf(each) === 'busybox2');
  if (!pod) throw new Error('busybox2 is not ready');
  const dig = (name: string) => `dig +short ${name}`;
  await answered(stage, pod, dig(nameIn('busybox-2')), [addressOf(pod)], 'it has a name of its own');
  await answered(stage, pod, dig(fqdn), [addressOf(first)], 'the first one has kept its');
  await answered(stage, pod, dig(headless), pods.map(addressOf), 'the name of the Service has both');
  return pod;
}

async function deleted(stage: Stage, asking: V1Pod): Promise<void> {
  const { report, kubectl, cluster } = stage;
  report.step('The first pod is deleted');
  await kubectl('delete pod busybox1 --grace-period=1');
  await cluster.waitFor<Pod>('pods', (pods) => pods.every(({ metadata }) => metadata?.name !== 'busybox1'));
  await answered(stage, asking, `dig +short ${headless}`, [addressOf(asking)], 'the Service has lost it');
  const status = `dig ${fqdn} | grep -o 'status: [A-Z]*'`;
  await answered(stage, asking, status, ['status: NXDOMAIN'], 'and its name does not exist any more');
}

async function again(stage: Stage, first: V1Pod, asking: V1Pod): Promise<void> {
  const { report, kubectl } = stage;
  report.step('It comes back, from the same YAML');
  const [, own = ''] = readFileSync(fileArgument(manifest), 'utf8').split('---\n');
  await kubectl('create -f -', own);
  const pods = await readyPods(stage, selector, 2);
  const pod = pods.find((each) => nameOf(each) === 'busybox1');
  if (!pod) throw new Error('busybox1 is not ready');
  report.check(
    `its address is another one: ${addressOf(first)} is now ${addressOf(pod)}`,
    addressOf(pod) !== addressOf(first),
  );
  await answered(stage, asking, `dig +short ${fqdn}`, [addressOf(pod)], 'and the name leads there');
}

/** Pods of a Deployment have all the same hostname and subdomain. */
async function scaled(stage: Stage, asking: V1Pod): Promise<void> {
  const { report, kubectl } = stage;
  report.step('A Deployment whose pods all have one name');
  const labels = { name: 'busybox', part: 'crowd' };
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'crowd' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          hostname: 'crowd',
          subdomain: 'default-subdomain',
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'busybox', image: 'busybox', command: ['sleep', '3600'] }],
        },
      },
    },
  };
  await kubectl('create -f -', JSON.stringify(deployment));
  for (const count of [1, 3, 2]) {
    if (count !== 1) await scale(stage, count);
    const pods = await readyPods(stage, 'part=crowd', count);
    await answered(
      stage,
      asking,
      `dig +short ${nameIn('crowd')}`,
      pods.map(addressOf),
      `${count === 1 ? 'one address' : `${count} addresses`}`,
    );
  }
  report.note(
    'For pods with names of their own, web-0, web-1 and so on, there are StatefulSets: their pods have hostname and subdomain set.',
  );
}

async function scale({ kubectl, cluster, report }: Stage, replicas: number): Promise<void> {
  if (findCommand('kubectl')) {
    await kubectl(`scale deployment crowd --replicas=${replicas}`);
    return;
  }
  report.note(`kubectl scale needs kubectl; spec.replicas becomes ${replicas} all the same.`);
  const ref = { name: 'crowd', namespace: 'default' };
  await cluster.client.patch(resources.deployments, ref, 'merge', { spec: { replicas } });
}
