import { PassThrough, Writable } from 'node:stream';
import * as k8s from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCluster } from '../../cluster/cluster.ts';
import type { Cluster } from '../../cluster/handle.ts';

/** What goes on in a container over time; the rest of JavaScript's client is in `cluster/kubelet.netns.test.ts`. */
let cluster: Cluster;
let config: k8s.KubeConfig;

beforeAll(async () => {
  cluster = await startCluster({ name: 'client-node', nodes: 1 });
  await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: counter}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: busybox, command: [sh, -c, 'i=0; while true; do i=$((i+1)); echo line $i; sleep 0.2; done']}
  - {name: shell, image: busybox, stdin: true, tty: true, command: [sh]}
`);
  await cluster.waitFor('pods/counter', 'Ready');
  config = new k8s.KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
});
afterAll(() => cluster?.stop());

/** Gathers what is written to it. */
class Sink extends Writable {
  text = '';
  readonly #heard: (() => void)[] = [];

  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    for (const look of this.#heard.splice(0)) look();
    done();
  }

  async until(wanted: RegExp): Promise<string> {
    while (!wanted.test(this.text)) await new Promise<void>((resolve) => this.#heard.push(resolve));
    return this.text;
  }
}

const linesOf = (text: string) => text.split('\n').filter(Boolean);

/** Logs that are followed: an abort is an error that this client leaves to the process, so they end with the pod. */
const followed: Promise<unknown>[] = [];

async function follow(options: k8s.LogOptions): Promise<Sink> {
  const sink = new Sink();
  followed.push(new Promise((resolve) => sink.once('finish', resolve)));
  await new k8s.Log(config).log('default', 'counter', 'main', sink, { follow: true, ...options });
  return sink;
}

it('follows a log from where it is asked to', async () => {
  const all = await follow({});
  await all.until(/line 8\n/);
  expect(linesOf(all.text).slice(0, 2)).toEqual(['line 1', 'line 2']);
  const last = await follow({ tailLines: 2 });
  await last.until(/(line \d+\n){4}/);
  expect(Number(linesOf(last.text)[0]?.slice(5))).toBeGreaterThan(5);
});

it('cuts a log by time, lines and bytes', async () => {
  const read = (
    options: Pick<
      k8s.CoreV1ApiReadNamespacedPodLogRequest,
      'tailLines' | 'limitBytes' | 'timestamps' | 'sinceSeconds'
    >,
  ) =>
    config
      .makeApiClient(k8s.CoreV1Api)
      .readNamespacedPodLog({ namespace: 'default', name: 'counter', container: 'main', ...options });
  expect(linesOf(await read({ tailLines: 3 }))).toHaveLength(3);
  expect(await read({ limitBytes: 8 })).toBe('line 1\nl');
  const stamped = linesOf(await read({ timestamps: true, tailLines: 1 }))[0] ?? '';
  expect(stamped).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z line \d+$/);
  const since = Date.parse(stamped.split(' ')[0] ?? '');
  await expect.poll(() => Date.now()).toBeGreaterThan(since + 1_500);
  const recent = linesOf(await read({ sinceSeconds: 1 }));
  expect(recent.length).toBeGreaterThan(0);
  expect(recent).not.toContain('line 1');
});

it('gives a terminal the size of the client’s, also while it is open, and the exit code', async () => {
  const output = Object.assign(new Sink(), { rows: 24, columns: 80 });
  const input = new PassThrough();
  let ended: (status: k8s.V1Status) => void = () => undefined;
  const status = new Promise<k8s.V1Status>((resolve) => {
    ended = resolve;
  });
  const exec = new k8s.Exec(config);
  await exec.exec('default', 'counter', 'main', ['sh'], output, null, input, true, (status) => ended(status));
  const size = () => {
    input.write('echo "<$(stty size)>"\n');
    return output.text.match(/<\d+ \d+>/g)?.at(-1);
  };
  await expect.poll(size).toBe('<24 80>');
  Object.assign(output, { rows: 50, columns: 132 }).emit('resize');
  await expect.poll(size).toBe('<50 132>');
  input.write('exit 7\n');
  expect((await status).details?.causes).toEqual([{ reason: 'ExitCode', message: '7' }]);
});

it('attaches to a terminal', async () => {
  const [output, input] = [new Sink(), new PassThrough()];
  const socket = await new k8s.Attach(config).attach(
    'default',
    'counter',
    'shell',
    output,
    null,
    input,
    true,
  );
  input.write('echo "$((40 + 2)) answers"\n');
  await output.until(/42 answers/);
  socket.close();
});

it('says why there is nothing to run or to read', async () => {
  const err = new Sink();
  const failed = await new Promise<k8s.V1Status>((resolve, reject) => {
    new k8s.Exec(config)
      .exec('default', 'counter', 'main', ['no-such-command'], null, err, null, false, resolve)
      .catch(reject);
  });
  expect(failed.status).toBe('Failure');
  const none = new k8s.Log(config).log('default', 'none', 'main', new Sink());
  await expect(none).rejects.toMatchObject({ code: 404 });
  const wrong = new k8s.Log(config).log('default', 'counter', 'none', new Sink());
  await expect(wrong).rejects.toMatchObject({ code: 400 });
});

it('ends logs that are followed with their pod', async () => {
  await config.makeApiClient(k8s.CoreV1Api).deleteNamespacedPod({ namespace: 'default', name: 'counter' });
  await Promise.all(followed);
  expect(followed).toHaveLength(2);
});
