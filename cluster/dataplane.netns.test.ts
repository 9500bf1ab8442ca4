import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startInformer } from '../api/informer.ts';
import { resources } from '../api/scheme.ts';
import type { Pod } from '../api/types.ts';
import { packageRoot } from '../kernel/package-root.ts';
import { attachLab } from '../lab/handle.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

const manifest = (name: string) => readFileSync(join(packageRoot, 'scenarios/hostnames', name), 'utf8');
const web = { name: 'hostnames', namespace: 'default' };

let cluster: Cluster;
let clusterIp = '';
let home = '';

beforeAll(async () => {
  cluster = await startCluster({ name: 'dataplane', nodes: 2 });
  const one = manifest('deployment.yaml')
    .replace('replicas: 3', 'replicas: 1')
    .replace(/^( +)- name: hostnames$/m, `$&\n$1  readinessProbe: { httpGet: { port: 9376 } }`);
  await cluster.apply(`${manifest('service.yaml')}\n---\n${one}`);
  await cluster.waitFor('deployment/hostnames', 'Available');
  const [pod] = await cluster.waitFor<Pod>('pods', (pods) => pods.length === 1, {
    labelSelector: 'app=hostnames',
  });
  home = pod?.spec?.nodeName ?? '';
  clusterIp = (await cluster.client.get(resources.services, web)).spec?.clusterIP ?? '';
});

afterAll(() => cluster?.stop());

async function restartsOfNodes(): Promise<number[]> {
  const lab = await attachLab(cluster.stateDir);
  const components = (await lab?.components()) ?? [];
  const nodes = cluster.spec.nodes.map(({ name }) => name);
  return components.filter(({ name }) => nodes.includes(name)).map(({ restarts }) => restarts);
}

/** Watches the pods and endpoints of the Service; tells which were ready once and then were not, without being deleted. */
async function notReady(): Promise<{ seen(): string[] }> {
  const stop = new AbortController();
  const found: string[] = [];
  const once = new Set<string>();
  const note = (what: string, ready: boolean | undefined) => {
    if (ready) once.add(what);
    else if (once.has(what)) found.push(what);
  };
  const scope = {
    signal: stop.signal,
    namespace: 'default',
    onError: (error: unknown) => found.push(String(error)),
  };
  const pods = startInformer(cluster.client, resources.pods, {
    ...scope,
    onChange({ object: { metadata, status } }) {
      if (metadata?.deletionTimestamp) return;
      note(
        `pod ${metadata?.name}`,
        status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
      );
    },
  });
  const slices = startInformer(cluster.client, resources.endpointslices, {
    ...scope,
    onChange({ object: { metadata, endpoints = [] } }) {
      if (metadata?.labels?.['kubernetes.io/service-name'] !== 'hostnames') return;
      for (const { addresses, conditions } of endpoints)
        if (!conditions?.terminating) note(`endpoint ${addresses.join()}`, conditions?.ready);
    },
  });
  await Promise.all([pods.synced, slices.synced]);
  return {
    seen() {
      stop.abort();
      expect(once.size).toBeGreaterThan(1);
      return found;
    },
  };
}

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
  const restarts = await restartsOfNodes();
  const unready = await notReady();
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
  expect(await restartsOfNodes()).toEqual(restarts);
  expect(unready.seen()).toEqual([]);
});

it('another layout of the same mode is a switch, too', async () => {
  const rules = async () =>
    (await cluster.node(home).exec(['nft', 'list', 'table', 'ip', 'kube-proxy'])).stdout;
  await cluster.setDataplane({ dataplane: 'nftables', nftablesLayout: 'upstream' });
  expect(await rules()).toMatch(/chain service-.*hostnames/);
  await cluster.setDataplane({ dataplane: 'nftables', nftablesLayout: 'flat' });
  expect(await rules()).toContain('tcp-endpoints');
  expect(await rules()).not.toMatch(/chain service-.*hostnames/);
  await cluster.setDataplane({ dataplane: 'iptables' });
  expect((await cluster.node(home).exec(['nft', 'list', 'tables'])).stdout).not.toContain('kube-proxy');
});

it('a node-agent that is started anew leaves pods Ready, and the dataplane in its mode', async () => {
  await cluster.setDataplane({ dataplane: 'nftables', nftablesLayout: 'upstream' });
  const lab = await attachLab(cluster.stateDir);
  const unready = await notReady();
  const before = await restartsOfNodes();
  for (const { name } of cluster.spec.nodes) await lab?.restart(name);
  await expect.poll(restartsOfNodes, { timeout: 20_000 }).toEqual(before.map((count) => count + 1));
  // One that has come to the end of its start has looked at its pods.
  await expect
    .poll(
      async () =>
        (await cluster.node(home).exec(['curl', '-s', 'localhost:10249/proxyMode'], { allowFailure: true }))
          .stdout,
      { timeout: 20_000 },
    )
    .toBe('nftables');
  expect(unready.seen()).toEqual([]);
  await cluster.setDataplane({ dataplane: 'iptables' });
});

it('a mode that does not exist is refused, and nothing changes', async () => {
  await expect(cluster.setDataplane({ dataplane: 'userspace' as 'iptables' })).rejects.toThrow(
    /must be one of iptables/,
  );
  await expect(cluster.setDataplane({ dataplane: 'none' })).rejects.toThrow(/between proxy modes only/);
  expect(cluster.spec.dataplane).toBe('iptables');
});
