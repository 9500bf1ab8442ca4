import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { PodSpec } from '../api/types.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

const namespace = 'default';
/** Where clusters of users are; not below /tmp, of which every node has its own. */
const home = mkdtempSync(join(homedir(), '.v9s-apart-'));
const folder = join(home, 'vethernetes');

let spying: Cluster;
let other: Cluster;
let otherPod = '';

beforeAll(async () => {
  const start = (name: string, podCidr: string) =>
    startCluster({ name, nodes: 1, podCidr, stateDir: join(folder, name) });
  [spying, other] = await Promise.all([start('spying', '10.244.0.0/16'), start('other', '10.242.0.0/16')]);
  await create(other, 'server', { containers: [{ name: 'main', image: 'registry.k8s.io/serve_hostname' }] });
  for (const [name, more] of Object.entries(spies)) await create(spying, name, more);
  const pods = (cluster: Cluster, name: string) => cluster.waitFor(`pods/${name}`, 'Ready');
  await Promise.all([pods(other, 'server'), ...Object.keys(spies).map((name) => pods(spying, name))]);
  otherPod = (await other.client.get(resources.pods, { name: 'server', namespace })).status?.podIP ?? '';
});
afterAll(async () => {
  await Promise.all([spying?.stop(), other?.stop()]);
  rmSync(home, { recursive: true });
});

const create = (cluster: Cluster, name: string, spec: PodSpec) =>
  cluster.client.create(resources.pods, {
    metadata: { name, namespace },
    spec: { terminationGracePeriodSeconds: 0, ...spec },
  });

/** One that may do what can be allowed, and one that is in its node's network besides. */
const all: PodSpec = {
  volumes: [
    { name: 'host', hostPath: { path: '/' } },
    { name: 'home', hostPath: { path: home } },
  ],
  containers: [
    {
      name: 'main',
      image: 'busybox',
      command: ['sleep', '3600'],
      securityContext: { privileged: true },
      volumeMounts: ['host', 'home'].map((name) => ({ name, mountPath: `/${name}` })),
    },
  ],
};
const spies: Record<string, PodSpec> = { pod: all, node: { ...all, hostNetwork: true } };

/** Whether a URL is answered at all. */
const isAnswered = (url: string) => `curl -sk -o /dev/null --max-time 2 ${url} && echo answered ${url}; true`;

describe.each(Object.keys(spies))('what the %s of one cluster reaches of another', (spy) => {
  const say = async (script: string) => (await spying.pod(spy).exec(['sh', '-c', script])).stdout;

  it('is neither its API, nor its pods', async () => {
    const api = `127.0.0.1:${other.spec.apiPort}/version`;
    const pod = `${otherPod}:9376`;
    // All of that is there.
    expect(spawnSync('curl', ['-sk', `https://${api}`], { encoding: 'utf8' }).stdout).toContain('gitVersion');
    expect((await other.node('control-plane').exec(['curl', '-s', pod])).stdout).toContain('server');
    const urls = [
      `https://${api}`,
      `https://172.18.0.1:${other.spec.apiPort}/version`,
      `http://${pod}`,
      'http://10.242.0.1:9376',
    ];
    expect(await say(urls.map(isAnswered).join('\n'))).toBe('');
    // At the same address there is another: its own.
    expect(await say(isAnswered('https://172.18.0.2:6443/version'))).toContain('answered');
  });

  it('is no file of it, and no socket, whatever hostPath', async () => {
    expect(existsSync(join(other.stateDir, 'control.sock'))).toBe(true);
    const find = `find /host${home} /home \\( -name '*.sock' -o -name '*.key' -o -name 'kubeconfig' -o -name '*.json' \\) 2>/dev/null`;
    expect(await say(`${find}; true`)).toBe('');
    const sockets = [
      ...['/host', '/home/..'].map((root) => join(root, other.stateDir, 'control.sock')),
      ...['/home/vethernetes/other/control.sock'],
    ];
    const connect = sockets.map(
      (path) =>
        `perl -MIO::Socket::UNIX -e 'print "connected\\n" if IO::Socket::UNIX->new(Peer => "${path}")'`,
    );
    expect(await say(connect.join('\n'))).toBe('');
    // Nor its own cluster's.
    expect(await say(`ls -A /host${spying.stateDir} 2>/dev/null; true`)).toBe('');
  });

  it('is nothing that a process or a name outside of all files would tell', async () => {
    expect(await say('cat /proc/net/unix | grep -c @vethernetes; true')).toBe('0\n');
    expect(await say('ls -d /proc/[0-9]* | wc -l')).toMatch(/^[1-6]\n$/);
  });
});

it('the credentials of one are none to another', async () => {
  const token = await spying.kubectl(['create', 'token', 'default']);
  const ask = (cluster: Cluster) =>
    spawnSync(
      'curl',
      [
        '-sk',
        '-H',
        `Authorization: Bearer ${token.stdout.trim()}`,
        `https://127.0.0.1:${cluster.spec.apiPort}/apis`,
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
      ],
      { encoding: 'utf8' },
    ).stdout;
  expect([ask(spying), ask(other)]).toEqual(['200', '401']);
});

it('a pod that names a file of a cluster in a hostPath waits, and is told why', async () => {
  const path = join(other.stateDir, 'control.sock');
  const [container] = all.containers;
  await create(spying, 'refused', {
    volumes: [{ name: 'socket', hostPath: { path } }],
    containers: [
      {
        name: 'main',
        image: 'busybox',
        ...container,
        volumeMounts: [{ name: 'socket', mountPath: '/socket' }],
      },
    ],
  });
  const told = async () => {
    const { items } = await spying.client.list(resources.events, { namespace });
    return items.find(({ involvedObject, type }) => involvedObject.name === 'refused' && type === 'Warning')
      ?.message;
  };
  await expect
    .poll(told, { timeout: 20_000 })
    .toContain(`hostPath ${path} belongs to the lab itself; no pod sees it`);
});
