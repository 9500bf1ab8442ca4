import type { V1Pod } from '@kubernetes/client-node';
import { findCommand } from '../../lab/doctor.ts';
import { kubeconfigFlag, startKubeProxies, startKubeProxy } from '../kube-proxy.ts';
import { addressOf, createFrom, nameOf, readyPods, rulesLeadTo } from '../objects.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { showNetwork } from './network.ts';
import { holdPort } from './port.ts';
import { compareRules } from './rules.ts';

/** Where the article's pods were. */
const articleEndpoints = ['10.32.0.5:80', '10.32.0.6:80'];

/** As the article's cluster: a ClusterIP has no rule for masquerading, and the port is looked at often. */
const flags = (node: string) => [
  '--logtostderr=true',
  '--v=2',
  `--hostname-override=${node}`,
  '--proxy-mode=iptables',
  '--iptables-sync-period=1s',
  kubeconfigFlag,
  '--emulated-version=1.12',
];

/**
 * Article 004: a ClusterIP in iptables, routes and the bridge; then a node port, which kube-proxy listens on but
 * does not serve.
 */
export const nodeport: Scenario = {
  name: 'nodeport',
  title:
    "A Service's rules, routes and bridge on one node; and who listens on a node port, and what becomes of it when kube-proxy is killed or another program takes the port (article 004).",
  cluster: { nodes: 1, podCidr: '10.32.0.0/16', dataplane: 'none', clusterDns: 'none' },
  async play(stage) {
    await occupyAddresses(stage);
    stage.report.step('kube-proxy, of a release that holds node ports');
    const nodes = stage.cluster.spec.nodes.map(({ name }) => name);
    const [proxy] = await startKubeProxies(stage, nodes, flags);
    if (!proxy) throw new Error('there is no node to start kube-proxy on');
    const pods = await createWebapp(stage);
    const clusterIp = await describeService(
      stage,
      pods.map((pod) => `${addressOf(pod)}:80`),
    );
    await compareRules(stage, clusterIp);
    await showNetwork(stage, pods);
    await holdPort(stage, { pods, proxy, start: () => startKubeProxy(stage, proxy.node, flags(proxy.node)) });
  },
};

/** Katacoda's node already ran three pods; as many here give ours the article's addresses. */
async function occupyAddresses(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  if (cluster.spec.nodes.length !== 1) return;
  report.step("Three pods that were there before, so that ours get the article's addresses");
  await cluster.apply(
    [1, 2, 3].map((number) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `earlier-${number}` },
      spec: {
        containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }],
        terminationGracePeriodSeconds: 0,
      },
    })),
  );
  await report.progress('waiting for them', cluster.waitFor('pods', 'Ready'));
  await stage.kubectl('get pods -o wide');
}

async function createWebapp(stage: Stage): Promise<V1Pod[]> {
  const { report, cluster } = stage;
  report.step('Two pods that say which of them answers, and a Service before them');
  const answer = await createFrom(stage, 'nodeport/clusterip.yaml');
  report.check('both objects are accepted', /svc created\n.*deployment created\n/.test(answer), answer);
  const pods = await readyPods(stage, 'app=webapp1-clusterip', 2);
  await stage.kubectl('get pods -o wide -l app=webapp1-clusterip');
  const endpoints = pods.map((pod) => `${addressOf(pod)}:80`);
  if (cluster.spec.nodes.length === 1)
    report.check(
      `their addresses are the article's: ${articleEndpoints.join(', ')}`,
      endpoints.join() === articleEndpoints.join(),
      endpoints.join(),
    );
  await rulesLeadTo(stage, endpoints);
  return pods;
}

async function describeService(stage: Stage, addresses: readonly string[]): Promise<string> {
  const { report } = stage;
  const api = await stage.api();
  report.step('The Service, and what it leads to');
  const name = 'webapp1-clusterip-svc';
  const described = findCommand('kubectl') !== undefined;
  const text = await stage.kubectl(described ? `describe svc ${name}` : `get endpoints ${name}`);
  const { spec } = await api.core.readNamespacedService({ name, namespace: 'default' });
  const printed = described ? /^Endpoints: +(\S+)$/m : /^\S+ +(\S+) +\S+$/m;
  const endpoints =
    printed
      .exec(
        text
          .split('\n')
          .slice(described ? 0 : 1)
          .join('\n'),
      )?.[1]
      ?.split(',') ?? [];
  const wanted = described
    ? [/^Type: +ClusterIP$/m, /^Port: +<unset> +80\/TCP$/m, /^TargetPort: +80\/TCP$/m]
    : [];
  report.check(
    described ? 'type, ports and endpoints are printed as in the article' : 'its endpoints are the two pods',
    wanted.every((line) => line.test(text)) && endpoints.sort().join() === addresses.join(),
    text,
  );
  const clusterIp = spec?.clusterIP ?? '';
  const answer = await stage.onNode(stage.cluster.spec.nodes[0]?.name ?? '', `curl -s ${clusterIp}`);
  report.check('its address answers', answeredBy(answer) !== undefined, answer);
  return clusterIp;
}

/** Whose page it is. */
export function answeredBy(page: string): string | undefined {
  return /<h1>This request was processed by host: (\S+)<\/h1>$/m.exec(page)?.[1];
}

export const namesOf = (pods: readonly V1Pod[]): string[] => pods.map(nameOf);
