import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import type { Service } from '../../api/types.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { findCommand } from '../../lab/doctor.ts';
import { kubeconfigFlag, startKubeProxies } from '../kube-proxy.ts';
import { addressOf, createFrom, fileArgument, nameOf, readyPods, rulesLeadTo } from '../objects.ts';
import { host } from '../report.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { fairShares, followRules, renderArticle } from './rules.ts';

const manifest = 'clusterip/deployment_python_http.yaml';

/** The ClusterIP of the Service, once there is one, and the pods behind it. */
export interface ServiceTest {
  clusterIp: string;
  pods: V1Pod[];
}

/**
 * Article 002: four pods that answer with their names, a Service before them, and every rule between its address
 * and theirs, as a kube-proxy of the article's time writes them.
 */
export const clusterip: Scenario = {
  name: 'clusterip',
  title:
    'Four pods and a Service of type ClusterIP, as an article of 2018 shows them: its address, and how rules share connections among the pods (article 002).',
  // The article's pods were on two nodes, with addresses of weave's own range.
  cluster: {
    nodes: 3,
    taintControlPlane: true,
    podCidr: '10.32.0.0/12',
    dataplane: 'none',
    clusterDns: 'none',
  },
  async play(stage) {
    await startProxies(stage);
    const pods = await createPods(stage);
    const test = { clusterIp: await expose(stage), pods };
    await rulesLeadTo(
      stage,
      pods.map((pod) => `${addressOf(pod)}:8080`),
    );
    await ask(stage, test);
    await followRules(stage, test);
    await fairShares(stage, test);
    await renderArticle(stage);
  },
};

async function startProxies(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step('A kube-proxy on each node, which writes rules as that of the article did');
  const nodes = cluster.spec.nodes.map(({ name }) => name);
  const chains = async () =>
    Promise.all(
      nodes.map(async (node) => (await cluster.node(node).exec(['iptables-save'])).stdout.includes(':KUBE-')),
    );
  report.check('without one, no node has a chain of kube-proxy', !(await chains()).includes(true));
  await startKubeProxies(stage, nodes, (node) => [
    '--logtostderr=true',
    '--v=4',
    `--hostname-override=${node}`,
    '--cluster-cidr=172.100.0.0/16',
    '--proxy-mode=iptables',
    kubeconfigFlag,
    '--emulated-version=1.10',
  ]);
  report.check('with it, every node has them', !(await chains()).includes(false));
  report.note(
    "--cluster-cidr is what the article's rules show. Its pods have other addresses (as here), so what pods send to a Service is masqueraded too.",
  );
}

async function createPods(stage: Stage): Promise<V1Pod[]> {
  const { report, cluster } = stage;
  report.step("The Deployment, the article's own YAML");
  report.command(host, `cat ${fileArgument(manifest)}`);
  report.output(readFileSync(join(packageRoot, 'scenarios', manifest), 'utf8'), Number.POSITIVE_INFINITY);
  const answer = await createFrom(stage, manifest);
  report.check('it is accepted as it stands', answer.includes('/service-test created'), answer);
  const pods = await readyPods(stage, 'app=service_test_pod', 4);
  await stage.kubectl('get pod -o wide');
  const perNode = new Set(pods.map(({ spec }) => spec?.nodeName)).size;
  const workers = cluster.spec.nodes.filter(({ taints }) => taints.length === 0).length;
  report.check(
    workers === 2 ? 'four pods are Running, on two nodes as in the article' : 'four pods are Running',
    pods.every(({ status }) => status?.phase === 'Running') && perNode === Math.min(workers, 4),
  );

  report.step('Each pod answers with its name, whichever node asks');
  const nodes = cluster.spec.nodes.map(({ name }) => name);
  for (const [index, pod] of pods.entries()) {
    const answer = await stage.onNode(nodes[index % nodes.length] ?? '', `curl -s ${addressOf(pod)}:8080`);
    report.check(`the answer is ${nameOf(pod)}'s`, answer === `<p>Hello from ${nameOf(pod)}</p>\n`, answer);
  }
  return pods;
}

/** What `kubectl expose` makes, for machines without kubectl. */
const exposed: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'service-test' },
  spec: {
    selector: { app: 'service_test_pod' },
    ports: [{ port: 8088, protocol: 'TCP', targetPort: 8080 }],
  },
};

async function expose(stage: Stage): Promise<string> {
  const { report } = stage;
  const api = await stage.api();
  report.step('The Service: kubectl expose');
  if (findCommand('kubectl'))
    await stage.kubectl('expose deployment service-test --port 8088 --target-port=8080');
  else await stage.kubectl('create -f -', JSON.stringify(exposed));
  const table = await stage.kubectl('get service -o wide');
  const { spec } = await api.core.readNamespacedService({ name: 'service-test', namespace: 'default' });
  const clusterIp = spec?.clusterIP ?? '';
  report.check(
    'it is of type ClusterIP, with an address, port 8088/TCP and the selector of the pods',
    new RegExp(`service-test +ClusterIP +${clusterIp} +<none> +8088/TCP .*app=service_test_pod`).test(table),
    table,
  );
  return clusterIp;
}

async function ask(stage: Stage, { clusterIp, pods }: ServiceTest): Promise<void> {
  const { report } = stage;
  report.step('Four requests to the address of the Service');
  const answers = await stage.onNode(
    'control-plane',
    `for i in \`seq 4\`; do curl -s ${clusterIp}:8088; done`,
  );
  const names = pods.map((pod) => `<p>Hello from ${nameOf(pod)}</p>`);
  const lines = answers.trim().split('\n');
  report.check(
    'each is answered by one of the pods',
    lines.length === 4 && lines.every((line) => names.includes(line)),
    answers,
  );
}
