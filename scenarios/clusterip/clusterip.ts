import type { V1Pod } from '@kubernetes/client-node';
import { askFourTimes, createPods, exposeDeployment, helloFrom } from '../expose/steps.ts';
import { kubeconfigFlag, startKubeProxies } from '../kube-proxy.ts';
import { addressOf, nameOf, rulesLeadTo } from '../objects.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { fairShares, followRules, renderArticle } from './rules.ts';

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
    await askPods(stage, pods);
    const test = { clusterIp: await exposeDeployment(stage), pods };
    await rulesLeadTo(
      stage,
      pods.map((pod) => `${addressOf(pod)}:8080`),
    );
    stage.report.step('Four requests to the address of the Service');
    await askFourTimes(stage, test);
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

async function askPods(stage: Stage, pods: readonly V1Pod[]): Promise<void> {
  const { report, cluster } = stage;
  report.step('Each pod answers with its name, whichever node asks');
  const nodes = cluster.spec.nodes.map(({ name }) => name);
  for (const [index, pod] of pods.entries()) {
    const answer = await stage.onNode(nodes[index % nodes.length] ?? '', `curl -s ${addressOf(pod)}:8080`);
    report.check(`the answer is ${nameOf(pod)}'s`, answer === `${helloFrom(pod)}\n`, answer);
  }
}
