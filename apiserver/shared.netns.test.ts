import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import type { ConfigMap, CoreEvent, Endpoints, Service } from '../api/types.ts';
import { encodeMessage } from './protobuf/encode.ts';
import { envelope } from './protobuf/envelope.ts';
import { messageOf } from './protobuf/messages.ts';
import { openEtcdStorage } from './storage/etcd/storage.ts';
import type { Storage, StoredValue } from './storage/storage.ts';
import { startTestApiserver, type TestApiserver } from './testing/apiserver.ts';
import { etcdProgram, startTestEtcd } from './testing/etcd.ts';

const program = await etcdProgram();
const etcd = program ? await startTestEtcd(program) : undefined;
afterAll(() => etcd?.stop());

let places = 0;
let prefix = '';
const running: TestApiserver[] = [];
const options = () => ({ endpoints: [etcd?.url ?? ''], tls: etcd?.tls ?? {}, prefix });

async function start(host: string, more: { serviceNodePortRange?: string; serviceCidrs?: string[] } = {}) {
  const server = await startTestApiserver({ etcd: options(), advertise: { host, port: 6443 }, ...more });
  running.push(server);
  return server;
}

async function stored(path: string): Promise<StoredValue[]> {
  const storage: Storage = await openEtcdStorage(options());
  const { values } = await storage.range(path);
  await storage.close();
  return values;
}

const service = (name: string, type = 'ClusterIP'): Service => ({
  metadata: { name, namespace: 'default' },
  spec: { type, ports: [{ port: 80 }] },
});
const configMap = (name: string): ConfigMap => ({ metadata: { name, namespace: 'default' } });

beforeEach(() => {
  prefix = `/cluster${places++}`;
});
afterEach(async () => {
  for (const server of running.splice(0)) {
    await server.stop();
    expect(server.failures).toEqual([]);
  }
});

describe.skipIf(!etcd)('two apiservers on one etcd', () => {
  it('show at once what the other has written, in gets, lists and watches', async () => {
    const [one, two] = await Promise.all([start('172.18.0.2'), start('172.18.0.3')]);
    const { metadata } = await two.client.list(resources.configmaps, { namespace: 'default' });
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { object } of two.client.watch(resources.configmaps, {
        namespace: 'default',
        resourceVersion: metadata.resourceVersion ?? '',
      })) {
        if (seen.push(object.metadata?.name ?? '') === 20) return;
      }
    })();
    for (let i = 0; i < 20; i++) {
      await one.client.create(resources.configmaps, configMap(`cm-${i}`));
      const ref = { name: `cm-${i}`, namespace: 'default' };
      const found = await two.client.get(resources.configmaps, ref);
      await two.client.update(resources.configmaps, { ...found, data: { from: 'two' } });
      expect((await one.client.get(resources.configmaps, ref)).data).toEqual({ from: 'two' });
      await two.client.delete(resources.configmaps, ref);
      await expect(one.client.get(resources.configmaps, ref)).rejects.toMatchObject({ reason: 'NotFound' });
    }
    await watching;
  });

  it('never give away an address or a node port twice, and give all of them', {
    timeout: 60_000,
  }, async () => {
    const small = { serviceNodePortRange: '30000-30039', serviceCidrs: ['10.96.0.0/26'] };
    const both = await Promise.all([start('172.18.0.2', small), start('172.18.0.3', small)]);
    const create = (i: number) =>
      both[i % 2]?.client.create(resources.services, service(`s${i}`, 'NodePort'));
    const made = (await Promise.all(Array.from({ length: 40 }, (_, i) => create(i)))) as Service[];
    expect(new Set(made.map(({ spec }) => spec?.ports?.[0]?.nodePort)).size).toBe(40);
    expect(new Set(made.map(({ spec }) => spec?.clusterIP)).size).toBe(40);
    await expect(create(40)).rejects.toThrow(/failed to allocate a nodePort: range is full/);
    const ips = (await stored('/registry/ipaddresses/')).map(({ key }) => key.split('/').at(-1));
    expect(ips).toHaveLength(41);
    expect(ips).toEqual(expect.arrayContaining(['10.96.0.1', ...made.map(({ spec }) => spec?.clusterIP)]));

    const [first] = made;
    await both[1]?.client.delete(resources.services, { name: 's0', namespace: 'default' });
    const again = (await both[0]?.client.create(resources.services, {
      ...service('again', 'NodePort'),
      spec: {
        type: 'NodePort',
        clusterIP: first?.spec?.clusterIP ?? '',
        ports: [{ port: 80, nodePort: first?.spec?.ports?.[0]?.nodePort ?? 0 }],
      },
    })) as Service;
    expect(again.spec?.clusterIP).toBe(first?.spec?.clusterIP);
    const [record] = await stored('/registry/ranges/servicenodeports');
    const { data, range } = JSON.parse(record?.value.toString() ?? '') as Record<string, string>;
    expect(range).toBe('30000-30039');
    expect(Buffer.from(data ?? '', 'base64').toString('hex')).toBe('ffffffffff');
  });

  it('are both endpoints of the Service kubernetes, until one stops', async () => {
    const [one, two] = await Promise.all([start('172.18.0.2'), start('172.18.0.3')]);
    const addresses = (object: Endpoints) => object.subsets?.[0]?.addresses?.map(({ ip }) => ip);
    const ref = { name: 'kubernetes', namespace: 'default' };
    expect(addresses(await one.client.get(resources.endpoints, ref))).toEqual(['172.18.0.2', '172.18.0.3']);
    const watch = one.client.watch(resources.endpoints, { namespace: 'default', resourceVersion: '0' });
    running.splice(running.indexOf(two), 1);
    await two.stop();
    for await (const { object } of watch) if (addresses(object)?.join() === '172.18.0.2') break;
    expect((await one.client.get(resources.endpointslices, ref)).endpoints).toHaveLength(1);
  });

  it('resume a watch that began at the one that died', async () => {
    const one = await start('172.18.0.2');
    const first = await one.client.create(resources.configmaps, configMap('first'));
    await one.client.create(resources.configmaps, configMap('second'));
    running.splice(running.indexOf(one), 1);
    await one.stop();
    const two = await start('172.18.0.3');
    const names: (string | undefined)[] = [];
    for await (const { object } of two.client.watch(resources.configmaps, {
      namespace: 'default',
      resourceVersion: first.metadata?.resourceVersion ?? '',
    })) {
      names.push(object.metadata?.name);
      if (names.length === 1) await two.client.create(resources.configmaps, configMap('third'));
      if (names.length === 2) break;
    }
    expect(names).toEqual(['second', 'third']);
  });

  it('say that etcd is away, go on with what they know for version 0, and recover with their watches', async () => {
    const one = await start('172.18.0.2');
    const ref = { name: 'first', namespace: 'default' };
    const { metadata } = await one.client.create(resources.configmaps, configMap('first'));
    const names: (string | undefined)[] = [];
    const watching = (async () => {
      for await (const { object } of one.client.watch(resources.configmaps, {
        namespace: 'default',
        resourceVersion: metadata?.resourceVersion ?? '',
      })) {
        names.push(object.metadata?.name);
        return;
      }
    })();
    await etcd?.kill();
    const away = { code: 500, message: expect.stringContaining('rpc error: code = Unavailable') };
    await expect(one.client.get(resources.configmaps, ref)).rejects.toMatchObject({ status: away });
    await expect(one.client.create(resources.configmaps, configMap('during'))).rejects.toMatchObject({
      status: away,
    });
    const known = await one.client.list(resources.configmaps, { namespace: 'default', resourceVersion: '0' });
    expect(known.items.map((item) => item.metadata?.name)).toContain('first');
    await expect(one.client.request('GET', '/readyz')).rejects.toThrow(/\[-\]etcd failed/);
    await etcd?.restart();
    // The first to ask may still meet the connection that broke.
    const created = () => one.client.create(resources.configmaps, configMap('after'));
    await created().catch(created);
    await watching;
    expect(names).toEqual(['after']);
    // Its lease could not be renewed in between, which it said.
    one.failures.splice(0);
  });

  it('read what upstream writes, and write events that go by themselves', async () => {
    const storage = await openEtcdStorage(options());
    // As kube-apiserver 1.33 with --storage-media-type=application/json has it, line feed and all.
    const upstream =
      '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"theirs","namespace":"default","uid":"9b8e7f0c-0000-4000-8000-000000000000","creationTimestamp":"2025-01-01T00:00:00Z"},"data":{"a":"b"}}\n';
    await storage.put('/registry/configmaps/default/theirs', Buffer.from(upstream), 0);
    const one = await start('172.18.0.2');
    const ref = { name: 'theirs', namespace: 'default' };
    const found = await one.client.get(resources.configmaps, ref);
    expect(found.data).toEqual({ a: 'b' });
    const next = upstream.replace('"b"', '"c"');
    await storage.put(
      '/registry/configmaps/default/theirs',
      Buffer.from(next),
      Number(found.metadata?.resourceVersion),
    );
    expect((await one.client.get(resources.configmaps, ref)).data).toEqual({ a: 'c' });
    const event: CoreEvent = {
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    };
    await one.client.create(resources.events, event);
    expect((await storage.range('/registry/events/default/')).values).toHaveLength(1);
    await storage.close();
  });

  it('read protobuf and older versions, and store for an older apiserver what it reads', async () => {
    const storage = await openEtcdStorage(options());
    const map = { metadata: { name: 'theirs', namespace: 'default' }, data: { a: 'b' } };
    const message = messageOf('v1', 'ConfigMap');
    const bytes = message ? envelope('v1', 'ConfigMap', encodeMessage(message, map)) : Buffer.alloc(0);
    await storage.put('/registry/configmaps/default/theirs', bytes, 0);
    const beta = {
      kind: 'EndpointSlice',
      apiVersion: 'discovery.k8s.io/v1beta1',
      metadata: { name: 'theirs', namespace: 'default' },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['192.0.2.1'], topology: { 'kubernetes.io/hostname': 'worker' } }],
      ports: [],
    };
    await storage.put('/registry/endpointslices/default/theirs', Buffer.from(`${JSON.stringify(beta)}\n`), 0);
    const one = await startTestApiserver({ etcd: { ...options(), release: '1.20' } });
    running.push(one);
    const ref = { name: 'theirs', namespace: 'default' };
    expect((await one.client.get(resources.configmaps, ref)).data).toEqual({ a: 'b' });
    const slice = await one.client.get(resources.endpointslices, ref);
    expect(slice).toMatchObject({
      apiVersion: 'discovery.k8s.io/v1',
      endpoints: [{ addresses: ['192.0.2.1'], nodeName: 'worker' }],
    });
    await one.client.update(resources.endpointslices, { ...slice, addressType: 'IPv4' });
    await one.client.create(resources.endpointslices, { ...slice, metadata: { ...ref, name: 'ours' } });
    const [ours] = (await storage.range('/registry/endpointslices/default/ours')).values;
    expect(JSON.parse(ours?.value.toString() ?? '')).toMatchObject({
      apiVersion: 'discovery.k8s.io/v1beta1',
      endpoints: [{ topology: { 'kubernetes.io/hostname': 'worker' } }],
    });
    expect((await one.client.get(resources.endpointslices, { ...ref, name: 'ours' })).endpoints).toEqual([
      { addresses: ['192.0.2.1'], nodeName: 'worker' },
    ]);
    // Fields that came later are filled in before anything is compared.
    const labels = { 'controller-uid': 'u' };
    const containers = [{ name: 'main', image: 'pause' }];
    const job = {
      kind: 'Job',
      apiVersion: 'batch/v1',
      metadata: { name: 'old', namespace: 'default', uid: 'u' },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { restartPolicy: 'Never', containers } },
      },
    };
    await storage.put('/registry/jobs/default/old', Buffer.from(`${JSON.stringify(job)}\n`), 0);
    const old = { name: 'old', namespace: 'default' };
    await one.client.get(resources.jobs, old);
    await one.client.patch(resources.jobs, old, 'merge', { metadata: { annotations: { a: 'b' } } });
    // Others change what is there while it is followed.
    const [held] = (await storage.range('/registry/configmaps/default/theirs')).values;
    const changed = message
      ? envelope('v1', 'ConfigMap', encodeMessage(message, { ...map, data: { a: 'c' } }))
      : bytes;
    await storage.put('/registry/configmaps/default/theirs', changed, held?.revision ?? 0);
    expect((await one.client.get(resources.configmaps, ref)).data).toEqual({ a: 'c' });
    await storage.close();
  });
});
