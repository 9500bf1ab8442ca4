import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { Container, Pod, PodSpec } from '../api/types.ts';
import { type AgentProcess, type Scene, startScene } from './testing/scene.ts';

let scene: Scene;
let worker: AgentProcess;

beforeAll(async () => {
  scene = await startScene('control-plane', 'worker');
  [, worker] = await Promise.all([scene.startAgent('control-plane'), scene.startAgent('worker')]);
  await until('the default service account', async () => {
    const { items } = await scene.client.list(resources.serviceaccounts, { namespace: 'default' });
    return items.length > 0;
  });
}, 60_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

const namespace = 'default';
const serveHostname: Container = { name: 'web', image: 'k8s.gcr.io/serve_hostname' };
const shell = (script: string, more: Partial<Container> = {}): Container => ({
  name: 'main',
  image: 'busybox',
  command: ['sh', '-c', script],
  ...more,
});

/** Looks until `look` finds something; the test's own time limit ends a wait in vain. */
async function until<T>(_what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function create(name: string, spec: PodSpec): Promise<void> {
  await scene.client.create(resources.pods, {
    metadata: { name, namespace },
    spec: { nodeName: 'worker', terminationGracePeriodSeconds: 1, ...spec },
  });
}

const get = (name: string) => scene.client.get(resources.pods, { name, namespace });

const podWhere = (name: string, holds: (pod: Pod) => boolean | undefined) =>
  until(name, async () => {
    const pod = await get(name);
    return holds(pod) ? pod : undefined;
  });

const isReady = (pod: Pod) =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');

const statusOf = (pod: Pod, index = 0) => pod.status?.containerStatuses?.[index];

/** A pod without a probe is Ready before its program listens. */
const patientCurl = 'until curl -s --max-time 5 "$0"; do :; done';
const fetchFrom = (node: string, ip: string | undefined, port = 9376) =>
  scene.run(node, ['sh', '-c', patientCurl, `http://${ip}:${port}`]);

async function log(pod: Pod, container: string, attempt = 0): Promise<string> {
  const dir = `/run/v9s/nodes/${pod.spec?.nodeName}/pods/${pod.metadata?.uid}`;
  return scene.run(undefined, ['cat', `${dir}/containers/${container}/${attempt}.log`]);
}

async function gone(name: string): Promise<void> {
  await until(`${name} gone`, async () => {
    const { items } = await scene.client.list(resources.pods, { namespace });
    return !items.some(({ metadata }) => metadata?.name === name);
  });
}

describe('a pod', () => {
  it('answers at its address from both nodes', async () => {
    await Promise.all([
      create('web-a', { containers: [serveHostname] }),
      create('web-b', { containers: [serveHostname], nodeName: 'control-plane' }),
    ]);
    for (const name of ['web-a', 'web-b']) {
      const { status } = await podWhere(name, isReady);
      for (const node of ['control-plane', 'worker'])
        await until('an answer', async () => (await fetchFrom(node, status?.podIP)) === name);
    }
    expect((await get('web-a')).status?.podIP).toMatch(/^10\.244\.[01]\.2$/);
  });

  it('sees its own host name, files, environment and nothing of the host', async () => {
    const script = [
      'hostname',
      'cat /etc/resolv.conf /etc/hosts',
      'echo "$KUBERNETES_SERVICE_HOST $GREETING"',
      'ls /var/run/secrets/kubernetes.io/serviceaccount',
      'ls -d /home /srv /root/.bashrc 2>/dev/null',
      'ps ax | wc -l',
      'touch /usr/bin/new && echo writable',
    ].join('\n');
    const containers = [
      shell(script, { env: [{ name: 'GREETING', value: 'hello $(KUBERNETES_SERVICE_PORT)' }] }),
    ];
    await create('inside', { containers, restartPolicy: 'Never' });
    const pod = await podWhere('inside', ({ status }) => status?.phase === 'Succeeded');
    const output = (await log(pod, 'main')).replace(/^\S+ std\w+ F /gm, '');
    expect(output).toContain('inside\nsearch default.svc.cluster.local svc.cluster.local cluster.local\n');
    expect(output).toContain(`\n${pod.status?.podIP}\tinside\n`);
    expect(output).toContain('\n10.96.0.1 hello 443\nca.crt\nnamespace\ntoken\n');
    expect(output).not.toMatch(/^\/(home|srv|root)/m);
    expect(output).toMatch(/\nwritable\n$/);
    expect(statusOf(pod)?.state?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });

  it('shares one network, host name and IPC among its containers', async () => {
    const second = shell('until curl -s http://127.0.0.1:9376; do sleep 0.1; done; echo; sleep 60');
    await create('two', { containers: [serveHostname, second] });
    const pod = await podWhere('two', isReady);
    await until('the answer', async () => (await log(pod, 'main')).includes(' two') || undefined);
  });

  it('runs init containers one after the other, with a volume between them', async () => {
    const volumeMounts = [{ name: 'data', mountPath: '/data' }];
    await create('init', {
      volumes: [{ name: 'data', emptyDir: {} }],
      initContainers: [
        shell('echo one > /data/x', { name: 'first', volumeMounts }),
        shell('echo two >> /data/x', { name: 'second', volumeMounts }),
      ],
      containers: [shell('cat /data/x', { volumeMounts })],
      restartPolicy: 'Never',
    });
    const pod = await podWhere('init', ({ status }) => status?.phase === 'Succeeded');
    expect((await log(pod, 'main')).replace(/^\S+ std\w+ F /gm, '')).toBe('one\ntwo\n');
  });

  it('is restarted with growing pauses when it fails', async () => {
    await create('crash', { containers: [shell('exit 7')] });
    const pod = await podWhere(
      'crash',
      (seen) => statusOf(seen)?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
    expect(statusOf(pod)).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 7, reason: 'Error' } },
    });
    expect(statusOf(pod)?.state?.waiting?.message).toMatch(
      /^back-off 10s restarting failed container=main pod=crash_default\(/,
    );
  });

  it('says what there is when its image is unknown', async () => {
    await create('unknown', { containers: [{ name: 'main', image: 'nosuch:1.27' }] });
    const pod = await podWhere(
      'unknown',
      (seen) => statusOf(seen)?.state?.waiting?.reason === 'ImagePullBackOff',
    );
    expect(statusOf(pod)?.state?.waiting?.message).toMatch(
      /^Back-off pulling image "nosuch:1.27": ErrImagePull: .*busybox/,
    );
    const reasons = await until('events', async () => {
      const { items } = await scene.client.list(resources.events, { namespace });
      const seen = items
        .filter(({ involvedObject }) => involvedObject.name === 'unknown')
        .map(({ reason }) => reason);
      return seen.includes('BackOff') && seen;
    });
    expect(reasons).toEqual(expect.arrayContaining(['Pulling', 'Failed', 'BackOff']));
  });

  it('says which program does not exist', async () => {
    await create('noprogram', { containers: [{ name: 'main', image: 'busybox', command: ['nonesuch'] }] });
    const started = (pod: Pod) => {
      const status = statusOf(pod);
      return status?.state?.terminated ?? status?.lastState?.terminated;
    };
    const pod = await podWhere('noprogram', (seen) => started(seen) !== undefined);
    expect(started(pod)).toMatchObject({ exitCode: 128, reason: 'StartError' });
    expect(started(pod)?.message).toContain('exec: "nonesuch": executable file not found in $PATH');
  });

  it('starts once its ConfigMap is there', async () => {
    const env = [{ name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'paint', key: 'color' } } }];
    await create('config', { containers: [shell('echo $COLOR; sleep 60', { env })] });
    const pod = await podWhere(
      'config',
      (seen) => statusOf(seen)?.state?.waiting?.reason === 'CreateContainerConfigError',
    );
    expect(statusOf(pod)?.state?.waiting?.message).toBe('configmap "paint" not found');
    await scene.client.create(resources.configmaps, {
      metadata: { name: 'paint', namespace },
      data: { color: 'green' },
    });
    const ready = await podWhere('config', isReady);
    await until('its output', async () => / stdout F green\n$/.test(await log(ready, 'main')));
  });

  it('is ready only once its probe says so', async () => {
    const readinessProbe = { exec: { command: ['test', '-e', '/tmp/ok'] }, periodSeconds: 1 };
    await create('probed', { containers: [shell('sleep 1; touch /tmp/ok; sleep 60', { readinessProbe })] });
    const before = await podWhere('probed', (seen) => statusOf(seen)?.state?.running !== undefined);
    expect(isReady(before)).toBe(false);
    await podWhere('probed', isReady);
  });

  it('can use the network of its node', async () => {
    await create('host', { containers: [{ ...serveHostname, args: ['-port=9999'] }], hostNetwork: true });
    const pod = await podWhere('host', isReady);
    expect(pod.status?.podIP).toBe(pod.status?.hostIP);
    await until(
      'an answer',
      async () => (await fetchFrom('control-plane', pod.status?.hostIP, 9999)) === 'worker',
    );
  });
});

describe('the end of a pod', () => {
  it('gives its address and namespaces back', async () => {
    await create('short', { containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.10' }] });
    const { metadata, status } = await podWhere('short', isReady);
    await scene.client.delete(resources.pods, { name: 'short', namespace });
    await gone('short');
    await until('nothing left', async () => {
      const left = await scene.run(undefined, [
        'sh',
        '-c',
        'ls /run/netns /run/v9s/nodes/*/pods /run/v9s/nodes/*/networks/cbr0',
      ]);
      return !left.includes(metadata?.uid ?? '') && !left.split('\n').includes(status?.podIP ?? '');
    });
  });

  it('comes at once when it is forced', async () => {
    await create('stubborn', {
      containers: [shell('trap "" TERM; while :; do sleep 1; done')],
      terminationGracePeriodSeconds: 300,
    });
    const { metadata } = await podWhere('stubborn', isReady);
    await scene.client.delete(resources.pods, { name: 'stubborn', namespace }, { gracePeriodSeconds: 0 });
    await until('nothing left', async () => {
      const processes = await scene.run(undefined, ['ps', '-eo', 'args']);
      return !processes.includes(metadata?.uid ?? '');
    });
  });
});

describe('kill -9 of the node-agent', () => {
  it('leaves pods running; the next one adopts them and misses nothing', async () => {
    await create('survivor', { containers: [serveHostname] });
    await create('mortal', { containers: [shell('sleep 60')], restartPolicy: 'Never' });
    const before = await podWhere('survivor', isReady);
    const mortal = await podWhere('mortal', isReady);
    await worker.kill();
    expect(await fetchFrom('control-plane', before.status?.podIP)).toBe('survivor');
    const pid = `/run/v9s/nodes/worker/pods/${mortal.metadata?.uid}/containers/main/0/pid`;
    await scene.run(undefined, ['sh', '-c', `read pid rest < ${pid}; kill -9 $pid`]);

    worker = await scene.startAgent('worker');
    const ended = await podWhere('mortal', ({ status }) => status?.phase === 'Failed');
    expect(statusOf(ended)?.state?.terminated?.exitCode).toBe(137);
    const after = await get('survivor');
    expect(statusOf(after)).toEqual(statusOf(before));
    expect(after.status?.podIP).toBe(before.status?.podIP);
    await create('newcomer', { containers: [serveHostname] });
    const { status } = await podWhere('newcomer', isReady);
    expect(status?.podIP).not.toBe(before.status?.podIP);
  });
});
