import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EndpointSlice, Node } from '../../api/types.ts';
import type { Cluster } from '../../cluster/handle.ts';
import { initCluster } from '../../cluster/kubeadm/init.ts';
import { joinLab } from '../../cluster/kubeadm/join.ts';
import { resetNodeIn } from '../../cluster/kubeadm/reset.ts';
import { stateDir } from '../../cluster/state.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { findCommand } from '../../lab/doctor.ts';
import { installFlannel } from '../flannel/install.ts';
import { readyAddresses } from '../hostnames/hostnames.ts';
import { host } from '../report.ts';
import type { Scenario, Stage } from '../scenario.ts';

/** Lines by which clusters that were just started are joined. */
const joinCommands = new WeakMap<Cluster, string>();

const podCidr = '10.244.0.0/16';

/** Article 000: a control plane, a pod network, a second machine that joins, and the Deployment of three pods on it. */
export const kubeadm: Scenario = {
  name: 'kubeadm',
  title:
    'A cluster the way of kubeadm: init, the join line, a node that joins while kubectl get nodes -w looks on, and its reset (article 000).',
  cluster: { nodeName: 'd2', podCidr, overlay: 'none' },
  command: `v9s init --node-name d2 --pod-network-cidr=${podCidr} --overlay none`,
  async start(options) {
    const { cluster, joinCommand } = await initCluster(options);
    joinCommands.set(cluster, joinCommand);
    return cluster;
  },
  async play(stage) {
    await controlPlane(stage);
    await refused(stage);
    await joined(stage);
    await deployment(stage);
    await reset(stage);
  },
};

async function controlPlane(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.output(`Worker nodes join with\n\n${joinCommands.get(cluster)}`);
  await installFlannel(stage, podCidr, 'article');
  report.note(
    'Without --overlay none the network is there from the start, and this step is not needed. The manifest is that of the article, whose group versions are no longer served elsewhere.',
  );
  const nodes = await stage.kubectl('get nodes');
  report.check('d2 is Ready, and the control plane', /^d2 +Ready +control-plane /m.test(nodes), nodes);
  const device = await stage.onNode('d2', 'ip -brief address show flannel.1');
  report.check(
    "flannel.1 has the first address of the node's network",
    /10\.244\.0\.0\/32/.test(device),
    device,
  );
  const taints = await stage.kubectl('get node d2 -o jsonpath={.spec.taints}');
  report.check('ordinary pods stay away from it', taints.includes('NoSchedule'), taints);
}

/** The words of a join line. */
function joinLine({ cluster }: Stage) {
  const words = (joinCommands.get(cluster) ?? '').split(' ');
  const after = (flag: string) => words[words.indexOf(flag) + 1] ?? '';
  return {
    endpoint: words[2] ?? '',
    token: after('--token'),
    hash: after('--discovery-token-ca-cert-hash'),
  };
}

async function refused(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step('What does not let a node in');
  const { endpoint, token, hash } = joinLine(stage);
  const [id] = token.split('.');
  const wrong = [
    [`${id}.0000000000000000`, hash, /failed to verify the JWS signature/],
    [token, `sha256:${'0'.repeat(64)}`, /cluster CA found in cluster-info ConfigMap is invalid/],
  ] as const;
  for (const [wrongToken, wrongHash, words] of wrong) {
    report.command(
      'v1',
      `v9s join ${endpoint} --token ${wrongToken} --discovery-token-ca-cert-hash ${wrongHash}`,
    );
    const why = await joinLab({
      endpoint,
      token: wrongToken,
      hashes: [wrongHash],
      nodeName: 'v1',
      stateDir: cluster.stateDir,
    }).then(
      () => 'it joined',
      (error: unknown) => String(error),
    );
    report.output(why);
    report.check('it is refused', words.test(why), why);
  }
}

/** How long `kubectl get nodes -w` looks on. */
const watching = '--request-timeout=5s';

async function joined(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step('A second node joins');
  const { endpoint, token, hash } = joinLine(stage);
  const watch = findCommand('kubectl') ? cluster.kubectl(['get', 'nodes', '-w', watching]) : undefined;
  report.command('v1', `v9s join ${endpoint} --token ${token} --discovery-token-ca-cert-hash ${hash}`);
  const began = performance.now();
  await report.progress(
    'joining',
    joinLab({ endpoint, token, hashes: [hash], nodeName: 'v1', stateDir: cluster.stateDir }),
  );
  report.output(`v1 has joined after ${((performance.now() - began) / 1000).toFixed(2)} s`);
  if (watch) {
    const { stdout } = await report.progress('kubectl get nodes -w', watch);
    report.command(host, `kubectl get nodes -w ${watching}`);
    report.output(stdout);
    report.check('it was seen to come', /^v1 +(Not)?Ready +<none> /m.test(stdout), stdout);
  }
  await report.progress('waiting for its pod of flannel', cluster.waitFor<Node>('nodes', 'Ready'));
  const nodes = await stage.kubectl('get nodes');
  report.check('two nodes are Ready', nodes.match(/ Ready /g)?.length === 2, nodes);
  const requests = await stage.kubectl('get csr');
  report.check(
    'its request for a certificate was made with the token, approved and signed',
    new RegExp(`system:bootstrap:${token.split('.')[0]} .*Approved,Issued`).test(requests),
    requests,
  );
  const routes = await stage.onNode('d2', 'ip route show dev flannel.1');
  report.check("d2 has a route to v1's pods", /^10\.244\.1\.0\/24 via 10\.244\.1\.0/m.test(routes), routes);
}

async function deployment(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step("The article's Deployment");
  for (const file of ['deployment.yaml', 'service.yaml'])
    await stage.kubectl('create -f -', readFileSync(join(packageRoot, 'scenarios/hostnames', file), 'utf8'));
  await report.progress('waiting for three pods', cluster.waitFor('deployment/hostnames', 'Available'));
  await cluster.waitFor<EndpointSlice>('endpointslices', (slices) => readyAddresses(slices).length === 3, {
    labelSelector: 'kubernetes.io/service-name=hostnames',
  });
  const pods = await stage.kubectl('get pods -o wide');
  report.check(
    'three pods run, all on v1',
    pods.match(/ Running .* 10\.244\.1\.\d+ +v1 /g)?.length === 3,
    pods,
  );
  const endpoints = await stage.kubectl('get endpoints hostnames');
  const services = await stage.kubectl('get svc hostnames');
  const address = /ClusterIP +([\d.]+)/.exec(services)?.[1] ?? '';
  report.check(
    'they are the endpoints of the Service',
    endpoints.match(/10\.244\.1\.\d+:9376/g)?.length === 3,
    endpoints,
  );
  const patient = `for i in $(seq 100); do curl -fs --max-time 1 ${address}:80 && exit; sleep 0.05; done; exit 1`;
  report.command('d2', `curl ${address}:80`);
  const { stdout } = await cluster.node('d2').exec(['sh', '-c', patient]);
  report.output(stdout);
  report.check('its address answers on the other node', /^hostnames-/.test(stdout), stdout);
}

async function reset(stage: Stage): Promise<void> {
  const { report, cluster } = stage;
  report.step('The node goes');
  report.command(host, `v9s reset v1 --name ${cluster.name}`);
  await report.progress('resetting v1', resetNodeIn(stateDir(cluster.stateDir), 'v1'));
  await stage.kubectl('delete node v1');
  await cluster.waitFor<Node>('nodes', (nodes) => nodes.length === 1);
  const patient =
    'for i in $(seq 100); do ip route | grep -q 10.244.1.0/24 || break; sleep 0.05; done; ip route';
  report.command('d2', 'ip route');
  const { stdout } = await cluster.node('d2').exec(['sh', '-c', patient]);
  report.output(stdout);
  report.check('the route to its pods has gone', !stdout.includes('10.244.1.0/24'), stdout);
}
