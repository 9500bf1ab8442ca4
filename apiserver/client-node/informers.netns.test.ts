import { createServer } from 'node:net';
import * as k8s from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { kubeconfigOf } from '../testing/kubectl.ts';

let server: TestApiserver;
let config: k8s.KubeConfig;
let core: k8s.CoreV1Api;

/** Where the server listens again after it went. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}

beforeAll(async () => {
  const port = await freePort();
  // So short a history is soon forgotten.
  server = await startTestApiserver({ listen: [{ host: '127.0.0.1', port }], history: 20 });
  config = new k8s.KubeConfig();
  config.loadFromString(await kubeconfigOf(server));
  core = config.makeApiClient(k8s.CoreV1Api);
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

const namespace = 'default';
const path = `/api/v1/namespaces/${namespace}/configmaps`;
const create = (name: string, labels: Record<string, string> = {}, data: Record<string, string> = {}) =>
  core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels }, data } });
const remove = (name: string) => core.deleteNamespacedConfigMap({ namespace, name });

/** An informer that starts again, as users are told to, and what it told. */
function inform(labelSelector: string) {
  const informer = k8s.makeInformer(
    config,
    path,
    () => core.listNamespacedConfigMap({ namespace, labelSelector }),
    labelSelector,
  );
  const told: string[] = [];
  const errors: unknown[] = [];
  for (const verb of [k8s.ADD, k8s.UPDATE, k8s.DELETE] as const)
    informer.on(verb, ({ metadata }) => told.push(`${verb} ${metadata?.name}`));
  const ending = new AbortController();
  informer.on(k8s.ERROR, (error: unknown) => {
    errors.push(error);
    const timer = setTimeout(() => void informer.start(), 50);
    ending.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  const stop = async () => {
    ending.abort();
    await informer.stop();
  };
  return { informer, told, errors, stop };
}

const names = (informer: k8s.ObjectCache<k8s.V1ConfigMap>) =>
  informer
    .list(namespace)
    .map(({ metadata }) => metadata?.name)
    .sort();

it('an informer follows what is added, changed and deleted, and nothing else', async () => {
  await create('before', { app: 'a' });
  const { informer, told, stop } = inform('app=a');
  await informer.start();
  expect(told).toEqual(['add before']);
  await create('after', { app: 'a' });
  await create('other', { app: 'b' });
  await core.replaceNamespacedConfigMap({
    namespace,
    name: 'after',
    body: { metadata: { name: 'after', labels: { app: 'a' } }, data: { a: '1' } },
  });
  // What the selector does not choose any more is gone.
  await core.replaceNamespacedConfigMap({
    namespace,
    name: 'before',
    body: { metadata: { name: 'before', labels: { app: 'b' } } },
  });
  await remove('after');
  await expect.poll(() => told.at(-1)).toBe('delete after');
  expect(told).toEqual(['add before', 'add after', 'update after', 'delete before', 'delete after']);
  expect(names(informer)).toEqual([]);
  await stop();
});

it('an informer goes on where it was when the server is back', async () => {
  await create('kept', { app: 'c' });
  const { informer, told, stop } = inform('app=c');
  await informer.start();
  const { port } = new URL(server.url);
  server = await server.restart();
  expect(new URL(server.url).port).toBe(port);
  await create('new', { app: 'c' });
  await expect.poll(() => names(informer)).toEqual(['kept', 'new']);
  expect(told).toEqual(['add kept', 'add new']);
  await stop();
});

it('an informer lists again where the server has forgotten what it missed', async () => {
  await create('stays', { app: 'd' });
  await create('goes', { app: 'd' });
  const { informer, told, stop } = inform('app=d');
  await informer.start();
  await informer.stop();
  await remove('goes');
  for (let i = 0; i < 30; i++) await create(`noise-${i}`);
  await create('comes', { app: 'd' });
  await informer.start();
  await expect.poll(() => told.length).toBe(4);
  expect(told).toEqual(['add goes', 'add stays', 'delete goes', 'add comes']);
  expect(names(informer)).toEqual(['comes', 'stays']);
  await stop();
});

it('a watch that is too old is told so, and one that is cut ends', async () => {
  const watch = new k8s.Watch(config);
  const events: string[] = [];
  await new Promise<unknown>((resolve, reject) => {
    const heard = (type: string, object: k8s.V1Status) =>
      events.push(`${type} ${object.code} ${object.reason}`);
    watch.watch(path, { resourceVersion: '1' }, heard, resolve).catch(reject);
  });
  expect(events).toEqual(['ERROR 410 Expired']);
  const ended = Promise.withResolvers<unknown>();
  const bookmarks: string[] = [];
  const options = {
    allowWatchBookmarks: true,
    sendInitialEvents: true,
    resourceVersionMatch: 'NotOlderThan',
    labelSelector: 'app=d',
  };
  const request = await watch.watch(
    path,
    options,
    (type: string, object: k8s.V1ConfigMap) =>
      bookmarks.push(`${type} ${object.metadata?.name ?? JSON.stringify(object.metadata?.annotations)}`),
    ended.resolve,
  );
  await expect
    .poll(() => bookmarks)
    .toEqual(['ADDED comes', 'ADDED stays', 'BOOKMARK {"k8s.io/initial-events-end":"true"}']);
  request.abort();
  await ended.promise;
});

it('a watch ends after the seconds it asks for', async () => {
  const done = await new Promise((resolve, reject) => {
    new k8s.Watch(config).watch(path, { timeoutSeconds: 1 }, () => undefined, resolve).catch(reject);
  });
  expect(done).toBeNull();
});
