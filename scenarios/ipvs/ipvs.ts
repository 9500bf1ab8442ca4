import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../api/types.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { type KubeProxy, kubeconfigFlag, startKubeProxies, startKubeProxy } from '../kube-proxy.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { serviceAddress, virtualServers } from './servers.ts';
import { balancing, reach, requests, whoAnswers } from './traffic.ts';

/** What article 003's installation had: its Services, and where they answer. */
export const article = {
  nginx: { ip: '10.0.0.228', port: 80, nodePort: 41_583 },
  dashboard: { ip: '10.0.0.17', port: 443, nodePort: 30_001 },
  kubernetes: { ip: '10.0.0.1', port: 443 },
  dns: '10.0.0.2',
} as const;

/**
 * Article 003: kube-proxy in its default mode, started anew with `--proxy-mode=ipvs --masquerade-all=true`; the
 * virtual servers that `ipvsadm` lists, the address on kube-ipvs0, and a Service's name that answers ping.
 */
export const ipvs: Scenario = {
  name: 'ipvs',
  title:
    'kube-proxy restarted in IPVS mode: its virtual servers, the addresses on kube-ipvs0, real round robin, and a Service that answers ping (article 003).',
  cluster: {
    nodes: 2,
    dataplane: 'none',
    serviceCidr: '10.0.0.0/24',
    serviceNodePortRange: '30000-50000',
    clusterDns: article.dns,
  },
  needs: ['ip_vs', 'ip_set', 'dummy'],
  async play(stage) {
    const proxies = await defaultMode(stage);
    const pods = await createObjects(stage);
    const again = await restart(stage, proxies);
    await virtualServers(stage, pods);
    await serviceAddress(stage);
    await reach(stage, pods);
    await balancing(stage, pods);
    await sourceHashing(stage, again, pods);
    await ping(stage, pods.nginx[0]?.metadata?.name ?? '');
  },
};

/** Milliseconds: starting programs takes long in a guest kernel, and longer on a busy machine. */
const timeout = 120_000;

/** The article's flags as it prints them, but for names and paths, and the release that they were given to. */
const flags = (node: string, ...mode: string[]) => [
  ...['--logtostderr=true', '--v=4', `--hostname-override=${node}`, '--cluster-cidr=10.0.0.0/24'],
  ...[...mode, '--masquerade-all=true', kubeconfigFlag, '--emulated-version=1.12'],
];

/** The node that is looked at, as the article's k8s-node01. */
export const nodeOf = ({ cluster }: Stage): string => cluster.spec.nodes.at(-1)?.name ?? '';

const names = ({ cluster }: Stage) => cluster.spec.nodes.map(({ name }) => name);

async function defaultMode(stage: Stage): Promise<KubeProxy[]> {
  const { report } = stage;
  report.step('kube-proxy on every node, in its default mode');
  const proxies = await startKubeProxies(stage, names(stage), (node) => flags(node));
  const mode = await stage.onNode(nodeOf(stage), 'curl -s localhost:10249/proxyMode');
  report.check('“默认是iptables。”: without --proxy-mode it is iptables', mode === 'iptables', mode);
  return proxies;
}

/** Pods by what they run. */
export interface Pods {
  nginx: Pod[];
  dashboard: Pod[];
}

async function createObjects(stage: Stage): Promise<Pods> {
  const { report, cluster } = stage;
  report.step("The article's Services, each with a node port");
  const manifests = ['nginx.yaml', 'dashboard.yaml'].map((file) =>
    readFileSync(join(packageRoot, 'scenarios/ipvs', file), 'utf8'),
  );
  await stage.kubectl('create -f -', manifests.join('---\n'));
  const ready = (namespace: string, labelSelector: string, count: number) =>
    cluster.waitFor<Pod>('pods', (pods) => pods.length === count && pods.every(isReady), {
      namespace,
      labelSelector,
      timeout,
    });
  const [nginx, dashboard] = await report.progress(
    'waiting for four pods',
    Promise.all([ready('default', 'app=nginx', 3), ready('kube-system', 'k8s-app=kubernetes-dashboard', 1)]),
  );
  const table = await stage.kubectl('get svc');
  report.check(
    'nginx-service is NodePort 10.0.0.228 with 80:41583/TCP, kubernetes is 10.0.0.1, as in the article',
    /^kubernetes +ClusterIP +10\.0\.0\.1 +<none> +443\/TCP/m.test(table) &&
      /^nginx-service +NodePort +10\.0\.0\.228 +<none> +80:41583\/TCP/m.test(table),
    table,
  );
  report.note(
    "The Service on node port 30001 is the article's dashboard, in kube-system; a small HTTP server on 8443 stands in for it.",
  );
  return { nginx, dashboard };
}

const isReady = ({ status }: Pod) =>
  (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');

async function restart(stage: Stage, proxies: readonly KubeProxy[]): Promise<KubeProxy[]> {
  const { report } = stage;
  const node = nodeOf(stage);
  report.step('“也可以指定”: started again with --proxy-mode=ipvs');
  for (const proxy of proxies) await proxy.kill();
  const again = await startKubeProxies(stage, names(stage).reverse(), (name) =>
    flags(name, '--proxy-mode=ipvs'),
  );
  const listed = await stage.onNode(node, 'ps axf|grep proxy');
  report.check(
    'ps shows it with --proxy-mode=ipvs',
    new RegExp(`^ *${again[0]?.pid} .*kube-proxy .*--proxy-mode=ipvs`, 'm').test(listed),
    listed,
  );
  const mode = await stage.onNode(node, 'curl -s localhost:10249/proxyMode');
  report.check('it says ipvs', mode === 'ipvs', mode);
  const chains = await stage.onNode(node, 'iptables-save | grep -c -e KUBE-SVC -e KUBE-SEP || true');
  report.check('nothing is left of the chains that it had in iptables mode', chains.trim() === '0', chains);
  return again;
}

/** “调度算法丰富”: another scheduler is a flag. */
async function sourceHashing(stage: Stage, [proxy]: readonly KubeProxy[], pods: Pods): Promise<void> {
  const { report } = stage;
  const { ip } = article.nginx;
  const node = nodeOf(stage);
  report.step('Another scheduler: “ip hash”, which is sh');
  await proxy?.kill();
  await startKubeProxy(stage, node, flags(node, '--proxy-mode=ipvs', '--ipvs-scheduler=sh'));
  const table = await stage.onNode(node, `ipvsadm -L -n -t ${ip}:80`);
  report.check('the virtual server has it', table.includes(`TCP  ${ip}:80 sh`), table);
  const { counts } = await whoAnswers(stage, pods.nginx);
  report.check(
    'who comes from one address gets one pod',
    counts.filter((count) => count > 0).join() === String(requests),
    counts.join(', '),
  );
  report.note('There are rr, wrr, lc, wlc, sh, dh, mh, sed, nq, lblc and lblcr.');
}

async function ping(stage: Stage, pod: string): Promise<void> {
  const { report } = stage;
  const { ip } = article.nginx;
  report.step("The Service's name, from a pod (the article's chapter 5)");
  await stage.report.progress(
    'waiting for DNS',
    stage.cluster.waitFor('deployment/coredns', 'Available', { namespace: 'kube-system', timeout }),
  );
  const said = await stage.inPod(pod, 'ping -c 2 nginx-service');
  const fullName = 'nginx-service.default.svc.cluster.local';
  report.check('the short name is completed and resolved', said.startsWith(`PING ${fullName} (${ip})`), said);
  report.check(
    'both answers come from the Service address, whose name DNS knows, too',
    said.split('\n').filter((line) => line.includes(`bytes from ${fullName} (${ip}): icmp_seq=`)).length ===
      2 && said.includes('2 packets transmitted, 2 received, 0% packet loss'),
    said,
  );
  report.note(
    'It is the node that answers: the address is on its kube-ipvs0. Since kube-proxy 1.27 it does not (KUBE-IPVS-FILTER), and in the other modes it never did.',
  );
}
