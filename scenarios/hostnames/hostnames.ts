import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import type { EndpointSlice, Pod } from '../../api/types.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { rulesLeadTo } from '../objects.ts';
import { count } from '../report.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { compareRules, showRules } from './rules.ts';
import { balancing, lostPod } from './traffic.ts';

/** The port that `serve_hostname` listens on, and that article 001's Service leads to. */
const port = 9376;

/** Where article 000's pods were: the next free addresses on its worker were .5, .6 and .7. */
const articleEndpoints = ['10.244.1.5:9376', '10.244.1.6:9376', '10.244.1.7:9376'];

/**
 * Articles 000 and 001: a Deployment of three pods, a Service before them, its endpoints, the iptables
 * chains that share the load, and the name that resolves to it.
 */
export const hostnames: Scenario = {
  name: 'hostnames',
  title:
    'A Deployment of three pods and a Service before them: its endpoints, the iptables rules behind its address, and its name (articles 000 and 001).',
  cluster: { nodes: 2, taintControlPlane: true },
  async play(stage) {
    await showNodes(stage);
    await occupyAddresses(stage);
    await createObjects(stage);
    const { pods, clusterIp } = await showObjects(stage);
    await balancing(stage, clusterIp, pods);
    await showRules(stage, clusterIp);
    await compareRules(stage, clusterIp);
    await reachFromEverywhere(stage, clusterIp, pods);
    await lostPod(stage, clusterIp, pods);
  },
};

/** The last node; with a tainted control plane the pods sit on the workers. */
const workerOf = ({ cluster }: Stage): string => cluster.spec.nodes.at(-1)?.name ?? '';

/** A table's rows. */
const nodeLines = (table: string) => table.trim().split('\n').slice(1);

async function showNodes(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  const { length } = cluster.spec.nodes;
  report.step(
    `The nodes, ${length} of them, with flannel's vxlan (article 000: kubeadm init, kube-flannel, join)`,
  );
  const listed = await stage.kubectl('get nodes');
  report.check(
    `${count(length, 'node')} Ready`,
    nodeLines(listed).every((line) => / Ready /.test(line)),
    listed,
  );
  const worker = workerOf(stage);
  await stage.onNode(worker, 'ip -brief address show flannel.1');
  const device = await stage.onNode(worker, "ip -d link show flannel.1 | grep -o 'vxlan id.*nolearning'");
  report.check(
    'flannel.1 is a vxlan device, VNI 1 on port 8472',
    /vxlan id 1 .*dstport 8472/.test(device),
    device,
  );
}

/**
 * kubeadm's worker already ran three pods when article 000 began. As many here give the demo's own pods the
 * article's addresses, and with them the article's chain names.
 */
async function occupyAddresses(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  if (cluster.spec.nodes.length !== 2) return;
  report.step("Three pods that were there before, so that ours get the article's addresses");
  // Cluster DNS may be on the worker; its address is known when it runs.
  await cluster.waitFor('pods', 'Ready', { namespace: 'kube-system' });
  const taken = await podsOn(stage, workerOf(stage));
  const names = [2, 3, 4]
    .map((host) => `10.244.1.${host}`)
    .filter((ip) => !taken.some(({ status }) => status?.podIP === ip))
    .map((_, index) => `earlier-${index + 1}`);
  const manifests = names.map((name) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }],
      terminationGracePeriodSeconds: 0,
    },
  }));
  await cluster.apply(manifests);
  await report.progress('waiting for them', cluster.waitFor('pods', 'Ready'));
  await stage.kubectl('get pods -o wide');
}

async function podsOn({ api }: Stage, node: string): Promise<V1Pod[]> {
  const { core } = await api();
  return (await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${node}` })).items;
}

async function createObjects(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step("The Deployment and the Service, article 001's own YAML");
  for (const file of ['service.yaml', 'deployment.yaml']) {
    const manifest = readFileSync(join(packageRoot, 'scenarios/hostnames', file), 'utf8');
    const answer = await stage.kubectl('create -f -', manifest);
    report.check(`${file} is accepted as it stands`, answer.includes('/hostnames created'), answer);
  }
  await report.progress('waiting for three pods', cluster.waitFor('deployment/hostnames', 'Available'));
  await cluster.waitFor<Pod>('pods', (pods) => pods.length === 3 && pods.every(isReady), {
    labelSelector: 'app=hostnames',
  });
  await cluster.waitFor<EndpointSlice>('endpointslices', (slices) => readyAddresses(slices).length === 3, {
    labelSelector: 'kubernetes.io/service-name=hostnames',
  });
}

const isReady = ({ status }: Pod) =>
  (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');

/** Addresses that traffic may go to. */
export function readyAddresses(slices: readonly Pick<EndpointSlice, 'endpoints'>[]): string[] {
  return slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses);
}

async function showObjects(stage: Stage): Promise<{ pods: V1Pod[]; clusterIp: string }> {
  const { report } = stage;
  const api = await stage.api();
  report.step('Three pods, their endpoints, and the Service');
  await stage.kubectl('get pods -o wide -l app=hostnames');
  const { items: pods } = await api.core.listNamespacedPod({
    namespace: 'default',
    labelSelector: 'app=hostnames',
  });
  const names = pods.map(({ metadata }) => metadata?.name ?? '');
  report.check(
    'three pods are Running',
    pods.filter(({ status }) => status?.phase === 'Running').length === 3,
  );

  const table = await stage.kubectl('get endpoints hostnames');
  const addresses = pods.map(({ status }) => `${status?.podIP}:${port}`).sort();
  report.check(
    'the endpoints are the addresses of the pods',
    addresses.every((address) => table.includes(address)),
    table,
  );
  if (stage.cluster.spec.nodes.length === 2) {
    const expected = articleEndpoints.join(',');
    report.check(`they are article 000's own: ${expected}`, addresses.join() === expected, addresses.join());
  }

  const listed = await stage.kubectl('get svc hostnames');
  const service = await api.core.readNamespacedService({ name: 'hostnames', namespace: 'default' });
  const clusterIp = service.spec?.clusterIP ?? '';
  report.check(
    'the Service has a ClusterIP and port 80/TCP',
    listed.includes(clusterIp) && listed.includes('80/TCP'),
  );

  await rulesLeadTo(stage, addresses);
  report.step('The Service answers, each time with the name of a pod');
  const answers: string[] = [];
  for (let request = 0; request < 3; request++) {
    answers.push((await stage.onNode('control-plane', `curl -s ${clusterIp}:80`)).trim());
  }
  report.check(
    'every answer is the name of one of the three pods',
    answers.every((answer) => names.includes(answer)),
    answers.join(),
  );
  return { pods, clusterIp };
}

async function reachFromEverywhere(stage: Stage, clusterIp: string, pods: V1Pod[]): Promise<void> {
  const { report, cluster } = stage;
  report.step('It is reached from both nodes, from a pod, and by name');
  const names = pods.map(({ metadata }) => metadata?.name ?? '');
  const answered = (answer: string) => names.includes(answer.trim());
  for (const { name } of cluster.spec.nodes) {
    const answer = await stage.onNode(name, `curl -s ${clusterIp}:80`);
    report.check(`node ${name} reaches it`, answered(answer), answer);
  }
  const [client = ''] = names;
  const direct = await stage.inPod(client, `curl -s ${clusterIp}:80`);
  report.check('a pod reaches it, one of its own endpoints too', answered(direct), direct);

  const fullName = 'hostnames.default.svc.cluster.local';
  await report.progress(
    'waiting for DNS',
    cluster.waitFor('deployment/coredns', 'Available', { namespace: 'kube-system' }),
  );
  const resolved = await stage.inPod(client, `getent hosts ${fullName}`);
  report.check(`${fullName} resolves to the ClusterIP`, resolved.split(/\s+/)[0] === clusterIp, resolved);
  const byName = await stage.inPod(client, 'curl -s http://hostnames');
  report.check('the short name works through the search path', answered(byName), byName);
  report.note(
    'Article 001 writes the record as “xxsvc.cluster.local”: what it means is SERVICE.NAMESPACE.svc.cluster.local.',
  );
}
