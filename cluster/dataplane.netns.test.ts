import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { Pod } from '../api/types.ts';
import { packageRoot } from '../kernel/package-root.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

const manifest = (name: string) => readFileSync(join(packageRoot, 'scenarios/hostnames', name), 'utf8');
const web = { name: 'hostnames', namespace: 'default' };

let cluster: Cluster;
let clusterIp = '';
let home = '';

beforeAll(async () => {
  cluster = await startCluster({ name: 'dataplane', nodes: 2 });
  const one = manifest('deployment.yaml').replace('replicas: 3', 'replicas: 1');
  await cluster.apply(`${manifest('service.yaml')}\n---\n${one}`);
  await cluster.waitFor('deployment/hostnames', 'Available');
  const [pod] = await cluster.waitFor<Pod>('pods', (pods) => pods.length === 1, {
    labelSelector: 'app=hostnames',
  });
  home = pod?.spec?.nodeName ?? '';
  clusterIp = (await cluster.client.get(resources.services, web)).spec?.clusterIP ?? '';
});

afterAll(() => cluster?.stop());

/** The status and body of the first answer with this status. */
async function answered(from: string, url: string, status: number): Promise<string> {
  const patient = `for i in $(seq 200); do a=$(curl -s --max-time 2 -w '\\n%{http_code}' ${url}); case "$a" in *${status}) echo "$a"; exit;; esac; sleep 0.02; done; echo "$a"; exit 1`;
  return (await cluster.node(from).exec(['sh', '-c', patient])).stdout.replace(/\s\d+\s*$/, '');
}

it('every node tells load balancers whether it has endpoints of a Service', async () => {
  await cluster.client.patch(resources.services, web, 'merge', {
    spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
  });
  const { spec } = await cluster.client.get(resources.services, web);
  const port = spec?.healthCheckNodePort ?? 0;
  expect(port).toBeGreaterThan(0);
  for (const { name, address } of cluster.spec.nodes) {
    const local = name === home;
    const body = await answered('outside', `http://${address}:${port}/`, local ? 200 : 503);
    expect(JSON.parse(body)).toEqual({
      service: { namespace: 'default', name: 'hostnames' },
      localEndpoints: local ? 1 : 0,
      serviceProxyHealthy: true,
    });
  }
});

it('the proxy of a node is probed from outside, its metrics only from the node itself', async () => {
  const [node] = cluster.spec.nodes;
  const health = await answered('outside', `http://${node?.address}:10256/healthz`, 200);
  expect(JSON.parse(health)).toMatchObject({ nodeEligible: true });
  // The metric counts changes since the proxy's start, of which Kubernetes only tells the second: so there are
  // changes until one is surely younger.
  let replicas = 1;
  let metrics = '';
  const programmed = async () => {
    replicas = 3 - replicas;
    await cluster.client.patch(resources.deployments, web, 'merge', { spec: { replicas } });
    metrics = await answered(node?.name ?? '', 'http://127.0.0.1:10249/metrics', 200);
    return /^kubeproxy_network_programming_duration_seconds_count\{ip_family="IPv4"\} [1-9]/m.test(metrics);
  };
  await expect.poll(programmed, { timeout: 20_000, interval: 300 }).toBe(true);
  expect(metrics).toMatch(
    /^kubeproxy_sync_proxy_rules_iptables_total\{ip_family="IPv4",table="nat"\} [1-9]/m,
  );
  expect(metrics).toMatch(/^kubeproxy_proxy_healthz_total\{code="200"\} 1$/m);
});

/** Asks over a new connection each time, and over one that stays, until a file is there; prints what failed. */
const clientScript = `
const [url, stop] = process.argv.slice(1);
const { get, Agent } = require('node:http');
const { existsSync } = require('node:fs');
const ask = (agent) => new Promise((resolve) => {
  const request = get(url, { agent, timeout: 5000 }, (answer) => answer.resume().on('end', () => resolve()));
  request.on('socket', (socket) => agent?.keepAlive && sockets.add(socket));
  request.on('timeout', () => request.destroy(new Error('timed out')));
  request.on('error', (error) => resolve(error.message));
});
const sockets = new Set();
const kept = new Agent({ keepAlive: true, maxSockets: 1 });
(async () => {
  const failures = [];
  let asked = 0;
  while (!existsSync(stop)) {
    for (const agent of [false, kept]) {
      asked++;
      const failure = await ask(agent);
      if (failure) failures.push(failure);
    }
  }
  console.log(JSON.stringify({ asked, failures, connections: sockets.size }));
  process.exit(0);
})();`;

it('a switch under load fails no request, drops no connection, and leaves nothing of the old mode', async () => {
  const client = cluster.spec.nodes.find(({ name }) => name !== home)?.name ?? '';
  const stop = join(cluster.stateDir, 'stop');
  const load = cluster
    .node(client)
    .exec([process.execPath, '-e', clientScript, `http://${clusterIp}/`, stop]);
  const told: string[] = [];
  await cluster.setDataplane({ dataplane: 'nftables' }, (name) => told.push(name));
  expect(told).toEqual(cluster.spec.nodes.map(({ name }) => name));
  const save = async () => (await cluster.node(home).exec(['iptables-save'])).stdout;
  expect(await save()).not.toMatch(/KUBE-(SVC|SERVICES|POSTROUTING|PROXY)/);
  await cluster.setDataplane({ dataplane: 'iptables' });
  expect(await save()).toContain('KUBE-SVC-');
  const tables = await cluster.node(home).exec(['nft', 'list', 'tables']);
  expect(tables.stdout).not.toContain('kube-proxy');
  writeFileSync(stop, '');
  const { asked, failures, connections } = JSON.parse((await load).stdout);
  expect(failures).toEqual([]);
  expect(connections).toBe(1);
  expect(asked).toBeGreaterThan(20);
});

it('a mode that does not exist is refused, and nothing changes', async () => {
  await expect(cluster.setDataplane({ dataplane: 'userspace' as 'iptables' })).rejects.toThrow(
    /must be one of iptables/,
  );
  await expect(cluster.setDataplane({ dataplane: 'none' })).rejects.toThrow(/between proxy modes only/);
  expect(cluster.spec.dataplane).toBe('iptables');
});
