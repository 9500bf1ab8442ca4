import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../api/types.ts';
import { findCommand } from '../lab/doctor.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';

const kubectl = findCommand('kubectl');
if (!kubectl) console.log('skipped: no kubectl on PATH (Debian: kubernetes-client)');

let cluster: Cluster;

const manifest = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 9376}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: web
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: web, image: registry.k8s.io/serve_hostname, ports: [{containerPort: 9376}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: agent, image: busybox, command: [sleep, '3600']}
---
apiVersion: batch/v1
kind: Job
metadata: {name: indexed}
spec:
  completions: 3
  parallelism: 2
  completionMode: Indexed
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: busybox, command: [sh, -c, 'echo $JOB_COMPLETION_INDEX on $(hostname)']}
---
apiVersion: batch/v1
kind: Job
metadata: {name: broken}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: busybox, command: [sh, -c, 'exit 3']}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: hello}
spec:
  schedule: '@every 1s'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - {name: hello, image: busybox, args: [/bin/sh, -c, date; echo Hello from the Kubernetes cluster]}
`;

describe.skipIf(!kubectl)('kubectl and', () => {
  beforeAll(async () => {
    cluster = await startCluster({ name: 'workloads', nodes: 2 });
    await cluster.apply(manifest);
  });
  afterAll(() => cluster?.stop());

  async function run(line: string): Promise<string> {
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
    const child = spawn(kubectl ?? '', line.split(' '), { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const code = new Promise((resolve) => child.once('close', resolve));
    const [output, problem] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(await code, `${line}\n${output}${problem}`).toBe(0);
    return output.trim();
  }

  it.concurrent('a StatefulSet: names that last, a rollout and its undoing', async () => {
    await run('rollout status statefulset/web --timeout=30s');
    expect(await run('get sts web --no-headers')).toMatch(/^web +2\/2 +\S+$/);
    const [agent] = await cluster.waitFor<Pod>('pods', 'Ready', { labelSelector: 'app=agent' });
    const patient =
      'for i in $(seq 100); do wget -qO- http://web-1.web:9376 && exit; sleep 0.1; done; exit 1';
    const { stdout } = await cluster.pod(agent?.metadata?.name ?? '').exec(['sh', '-c', patient]);
    expect(stdout.trim()).toBe('web-1');

    const image = 'get sts web -o jsonpath={.spec.template.spec.containers[0].image}';
    await run('set image sts/web web=k8s.gcr.io/serve_hostname');
    await run('rollout status sts/web --timeout=30s');
    expect(await run('get pods -l app=web -o jsonpath={..spec.containers[0].image}')).toBe(
      'k8s.gcr.io/serve_hostname k8s.gcr.io/serve_hostname',
    );
    expect(await run('rollout history sts/web')).toMatch(/\n1 .*\n2 /);
    await run('rollout undo sts/web');
    expect(await run(image)).toBe('registry.k8s.io/serve_hostname');
    await run('scale sts/web --replicas=1');
    await run('wait --for=delete pod/web-1 --timeout=30s');
  });

  it.concurrent('a DaemonSet: a pod on every node, restarted one by one', async () => {
    await run('rollout status ds/agent --timeout=30s');
    const nodes = 'get pods -l app=agent -o jsonpath={..spec.nodeName}';
    const sorted = async () => (await run(nodes)).split(' ').sort().join(' ');
    expect(await sorted()).toBe('control-plane worker');
    const before = await run('get pods -l app=agent -o jsonpath={..metadata.uid}');
    await run('rollout restart ds/agent');
    await run('rollout status ds/agent --timeout=30s');
    expect(await sorted()).toBe('control-plane worker');
    const after = await run('get pods -l app=agent -o jsonpath={..metadata.uid}');
    expect(before.split(' ').filter((uid) => after.includes(uid))).toEqual([]);
    expect(await run('get ds agent --no-headers')).toMatch(/^agent +2 +2 +2 +2 +2 +<none> +\S+$/);
  });

  it.concurrent('Jobs: one by index, one that fails', async () => {
    await run('wait --for=condition=complete job/indexed --timeout=30s');
    await run('wait --for=condition=failed job/broken --timeout=30s');
    const lines = await run('logs -l batch.kubernetes.io/job-name=indexed');
    expect(lines.split('\n').sort()).toEqual(['0 on indexed-0', '1 on indexed-1', '2 on indexed-2']);
    expect(await run('get jobs indexed broken --no-headers')).toMatch(
      /^indexed +Complete +3\/3 .*\nbroken +Failed +0\/1 /,
    );
    expect(await run('describe job broken')).toContain('Job has reached the specified backoff limit');
  });

  it.concurrent('a CronJob: Jobs of its own, and one by hand', async () => {
    await run('wait --for=jsonpath={.status.lastSuccessfulTime} cronjob/hello --timeout=30s');
    expect(await run('get jobs -o name')).toMatch(/job\.batch\/hello-\d{8}/);
    expect(await run('describe cronjob hello')).toMatch(/Created job hello-\d{8}/);
    await run('create job --from=cronjob/hello by-hand');
    await run('wait --for=condition=complete job/by-hand --timeout=30s');
    expect(await run('logs job/by-hand')).toContain('Hello from the Kubernetes cluster');
  });

  it('a Service of type LoadBalancer: one node answers for its address', async () => {
    await run('expose pod web-0 --name=balanced --type=LoadBalancer --port=80 --target-port=9376');
    await run('wait --for=jsonpath={.status.loadBalancer.ingress} service/balanced --timeout=30s');
    const [ip, node] = (
      await run(
        'get svc balanced -o jsonpath={.status.loadBalancer.ingress[0].ip},{.metadata.annotations.vethernetes\\.io/announced-by}',
      )
    ).split(',');
    expect(ip).toMatch(/^172\.18\.250\.\d+$/);
    const patient = `for i in $(seq 100); do curl -sf --max-time 1 http://${ip} && exit; sleep 0.1; done; exit 1`;
    const { stdout } = await cluster.node('outside').exec(['sh', '-c', patient]);
    expect(stdout.trim()).toBe('web-0');
    const routes = async (name: string) =>
      (await cluster.node(name).exec(['ip', 'route', 'show', 'table', 'local', 'proto', 'static'])).stdout;
    expect(node).toBe('worker');
    expect(await routes('worker')).toContain(`local ${ip} dev lo`);
    expect(await routes('control-plane')).toBe('');
    await run('delete service balanced');
  });

  it('nothing of them stays', async () => {
    await run('delete sts,ds,job,cronjob --all --timeout=30s');
    await cluster.waitFor('pods', (pods) => pods.length === 0);
    expect(await run('get controllerrevisions,jobs -o name')).toBe('');
  });
});
