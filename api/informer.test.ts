import { expect, test } from 'vitest';
import type { Client, WatchOptions } from './client.ts';
import { follow, startInformer } from './informer.ts';
import type { WatchEvent } from './object.ts';
import { resources } from './scheme.ts';
import { statusError } from './status.ts';
import type { Node } from './types.ts';

const node = (name: string, resourceVersion: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, resourceVersion },
});
const added = (name: string, version: string): WatchEvent<Node> => ({
  type: 'ADDED',
  object: node(name, version),
});
const bookmark = (resourceVersion: string, end = false): WatchEvent<Node> => ({
  type: 'BOOKMARK',
  object: {
    metadata: {
      resourceVersion,
      ...(end ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    },
  },
});

/** A server of which only the collection's requests are asked: each watch gives the next of these streams. */
function serverWith(streams: (() => Iterable<WatchEvent<Node>>)[], listed: Node[] = []) {
  const asked: object[] = [];
  const refuse = async () => Promise.reject(new Error('not part of this'));
  const client: Client = {
    ...{ get: refuse, create: refuse, update: refuse, patch: refuse, delete: refuse, request: refuse },
    close: () => undefined,
    async list<T>() {
      asked.push({ list: true });
      return { apiVersion: 'v1', kind: 'NodeList', items: listed as T[], metadata: { resourceVersion: '5' } };
    },
    async *watch<T>(_resource: unknown, { signal, allowWatchBookmarks, ...options }: WatchOptions) {
      asked.push(options);
      const stream = streams.shift();
      if (stream) yield* stream() as Iterable<WatchEvent<T & object>>;
      else await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    },
  };
  return { client, asked };
}

const initial = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' };

test('begins with one request, and is synced when all that there is has come', async () => {
  const end = new AbortController();
  const { client, asked } = serverWith([
    () => [added('a', '1'), added('b', '2'), bookmark('3', true), added('c', '4')],
  ]);
  const informer = startInformer(client, resources.nodes, { signal: end.signal });
  await informer.synced;
  expect([...informer.store.keys()]).toEqual(['a', 'b']);
  const names: string[] = [];
  await new Promise<void>((resolve) => {
    follow(informer, ({ key }) => {
      names.push(key);
      if (key === 'c') resolve();
    });
  });
  expect(names).toEqual(['a', 'b', 'c']);
  expect(asked[0]).toEqual(initial);
  end.abort();
});

test('goes on from the last version after an interruption', async () => {
  const end = new AbortController();
  const { client, asked } = serverWith([
    () => [added('a', '1'), bookmark('3', true), bookmark('7')],
    () => [added('b', '8')],
  ]);
  const informer = startInformer(client, resources.nodes, { signal: end.signal });
  await new Promise<void>((resolve) => informer.onChange(({ key }) => key === 'b' && resolve()));
  expect(asked.slice(0, 2)).toEqual([initial, { resourceVersion: '7' }]);
  end.abort();
});

test('an interruption before the end of what there is begins anew', async () => {
  const end = new AbortController();
  const { client, asked } = serverWith([
    () => [added('gone', '1')],
    () => [added('a', '2'), bookmark('3', true)],
  ]);
  const informer = startInformer(client, resources.nodes, { signal: end.signal });
  await informer.synced;
  expect([...informer.store.keys()]).toEqual(['a']);
  expect(asked.slice(0, 2)).toEqual([initial, initial]);
  end.abort();
});

test('takes what is missing after 410 Gone out of the store', async () => {
  const end = new AbortController();
  const { client } = serverWith([
    () => [added('a', '1'), added('b', '2'), bookmark('3', true)],
    () => {
      throw statusError('Expired', 'too old resource version');
    },
    () => [added('b', '2'), bookmark('9', true)],
  ]);
  const informer = startInformer(client, resources.nodes, { signal: end.signal });
  const gone = await new Promise((resolve) =>
    informer.onChange(({ type, key }) => type === 'deleted' && resolve(key)),
  );
  expect(gone).toBe('a');
  end.abort();
});

test('lists where the server refuses to stream what there is', async () => {
  const end = new AbortController();
  const { client, asked } = serverWith(
    [
      () => {
        throw statusError('Invalid', 'sendInitialEvents: Forbidden');
      },
    ],
    [node('a', '1')],
  );
  const told: unknown[] = [];
  const informer = startInformer(client, resources.nodes, {
    signal: end.signal,
    onError: (error) => told.push(error),
  });
  await informer.synced;
  expect([...informer.store.keys()]).toEqual(['a']);
  expect(asked.slice(0, 2)).toEqual([initial, { list: true }]);
  expect(told).toEqual([]);
  end.abort();
});

test('reads an older version where the server has no other, and shows it as the one asked for', async () => {
  const end = new AbortController();
  const asked: string[] = [];
  const errors: unknown[] = [];
  const beta = {
    metadata: { name: 'web-1', namespace: 'default', resourceVersion: '4' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], topology: { 'kubernetes.io/hostname': 'worker' } }],
    ports: [],
  };
  const client: Client = {
    ...serverWith([]).client,
    async list<T>({ version }: { version: string }) {
      asked.push(`list ${version}`);
      return { apiVersion: 'v1', kind: 'List', items: [beta] as T[], metadata: { resourceVersion: '5' } };
    },
    async *watch<T>({ version }: { version: string }, { signal, resourceVersion }: WatchOptions) {
      asked.push(`watch ${version}`);
      if (version === 'v1') throw statusError('NotFound', 'the server could not find the requested resource');
      // A server of before 1.27.
      if (resourceVersion === undefined)
        throw statusError('Invalid', 'resourceVersionMatch is forbidden for watch');
      await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
      return {} as T;
    },
  };
  const informer = startInformer(client, resources.endpointslices, {
    signal: end.signal,
    onError: (error) => errors.push(error),
  });
  await informer.synced;
  expect([...informer.store.values()]).toMatchObject([
    { apiVersion: 'discovery.k8s.io/v1', endpoints: [{ addresses: ['10.0.0.1'], nodeName: 'worker' }] },
  ]);
  await expect.poll(() => asked).toEqual(['watch v1', 'watch v1beta1', 'list v1beta1', 'watch v1beta1']);
  expect(errors).toEqual([]);
  end.abort();
});
