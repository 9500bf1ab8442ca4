import type { V1Pod } from '@kubernetes/client-node';
import { addressOf, nameOf, rulesLeadTo } from '../objects.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { askFourTimes, createPods, exposeDeployment, helloFrom, type ServiceTest } from './steps.ts';

/**
 * Article 002 as one types it: four pods on two nodes, each asked for its name, `kubectl expose`, and the Service's
 * address, which shares requests among them. The rules behind the address are the story of `clusterip`.
 */
export const expose: Scenario = {
  name: 'expose',
  title:
    'Four pods of a web server on two nodes, kubectl expose, and one address that answers for all of them (article 002).',
  // As kubeadm leaves them: the control plane takes no pods, the two workers do.
  cluster: { nodes: 3, taintControlPlane: true },
  async play(stage) {
    const pods = await createPods(stage);
    await askPods(stage, pods);
    const test = { clusterIp: await exposeDeployment(stage), pods };
    await endpoints(stage, pods);
    await askService(stage, test);
    await shared(stage, test);
  },
};

/** The article: "on any node of the cluster". */
async function askPods({ report, cluster }: Stage, pods: readonly V1Pod[]): Promise<void> {
  report.step('Each pod answers with its name, on any node');
  for (const { name } of cluster.spec.nodes) {
    for (const pod of pods) {
      const line = `curl -s ${addressOf(pod)}:8080`;
      report.command(name, line);
      const { stdout } = await cluster.node(name).exec(['sh', '-c', line]);
      report.output(stdout);
      report.check(`that is ${nameOf(pod)}`, stdout === `${helloFrom(pod)}\n`, stdout);
    }
  }
}

async function endpoints(stage: Stage, pods: readonly V1Pod[]): Promise<void> {
  const { report } = stage;
  report.step('Who took part: the API, kube-proxy on each node, and iptables');
  const table = await stage.kubectl('get endpointslices -l kubernetes.io/service-name=service-test');
  report.check(
    'the controllers of the API have found the four pods by their label',
    / 8080 /.test(table),
    table,
  );
  await rulesLeadTo(
    stage,
    pods.map((pod) => `${addressOf(pod)}:8080`),
  );
  for (const { name } of stage.cluster.spec.nodes) {
    const rules = await stage.onNode(name, 'iptables-save -t nat | grep "service-test.*-j DNAT"');
    report.check(
      `kube-proxy of ${name} has written a rule for each`,
      pods.every((pod) => rules.includes(`--to-destination ${addressOf(pod)}:8080\n`)),
      rules,
    );
  }
  report.note('How these rules choose is the scenario clusterip.');
}

async function askService(stage: Stage, test: ServiceTest): Promise<void> {
  const { report, cluster } = stage;
  report.step('Four requests to the address of the Service, on each node');
  for (const { name } of cluster.spec.nodes) await askFourTimes(stage, test, name);
}

const requests = 100;

/** That one of four pods is never chosen in so many requests happens once in 10¹¹ runs. */
async function shared(stage: Stage, { clusterIp, pods }: ServiceTest): Promise<void> {
  const { report } = stage;
  report.step('The address shares requests among all pods');
  const command = `curl -s 'http://${clusterIp}:8088/?[1-${requests}]' | sort | uniq -c`;
  const answers = await stage.onNode('control-plane', command);
  const counts = pods.map((pod) => Number(new RegExp(`(\\d+) ${helloFrom(pod)}`).exec(answers)?.[1] ?? 0));
  report.check(
    `each pod has answered, and all ${requests} requests were answered`,
    counts.every((count) => count > 0) && counts.reduce((sum, count) => sum + count, 0) === requests,
    answers,
  );
}
