import { get as httpGet, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { ConfigMap } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver({ history: 40 });
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

interface Event {
  type: string;
  object: ConfigMap & { rows?: { cells: unknown[] }[]; columnDefinitions?: unknown[]; kind?: string };
}

/** Watches over a raw connection; `next(n)` resolves with n more events, `end` when the stream ends. */
async function watch(query: string, accept = 'application/json') {
  const path = `/api/v1/namespaces/default/configmaps?watch=1&${query}`;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpGet({ socketPath: server.socket, path, headers: { accept } }, resolve).once('error', reject);
  });
  let text = '';
  const events = (async function* () {
    for await (const chunk of response) {
      text += String(chunk);
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        yield JSON.parse(text.slice(0, end)) as Event;
        text = text.slice(end + 1);
      }
    }
  })();
  return {
    status: response.statusCode,
    async next(count: number): Promise<Event[]> {
      const got: Event[] = [];
      while (got.length < count) {
        const { value, done } = await events.next();
        if (done) break;
        got.push(value);
      }
      return got;
    },
    close: () => response.destroy(),
  };
}

const map = (name: string, labels: Record<string, string> = {}): ConfigMap => ({
  metadata: { name, namespace: 'default', labels },
});
const names = (events: Event[]) => events.map(({ type, object }) => `${type} ${object.metadata?.name}`);
const create = (name: string, labels?: Record<string, string>) =>
  server.client.create(resources.configmaps, map(name, labels));
const remove = (name: string) => server.client.delete(resources.configmaps, { name, namespace: 'default' });
const label = (name: string, labels: Record<string, string | null>) =>
  server.client.patch(resources.configmaps, { name, namespace: 'default' }, 'merge', {
    metadata: { labels },
  });

describe('watch', () => {
  it('without a version begins with what is there, then goes on', async () => {
    await create('first', { of: 'start' });
    const stream = await watch('labelSelector=of%3Dstart');
    expect(names(await stream.next(1))).toEqual(['ADDED first']);
    await create('second', { of: 'start' });
    await remove('first');
    expect(names(await stream.next(2))).toEqual(['ADDED second', 'DELETED first']);
    stream.close();
  });

  it('from a version gives what came after it, each under its own resourceVersion', async () => {
    const one = await create('from-one');
    const two = await create('from-two');
    const stream = await watch(`resourceVersion=${one.metadata?.resourceVersion}`);
    const [event] = await stream.next(1);
    expect(event?.object.metadata).toEqual(two.metadata);
    await remove('from-two');
    const [gone] = await stream.next(1);
    expect(gone?.type).toBe('DELETED');
    expect(Number(gone?.object.metadata?.resourceVersion)).toBeGreaterThan(
      Number(two.metadata?.resourceVersion),
    );
    stream.close();
  });

  it('shows objects entering and leaving a selector as ADDED and DELETED', async () => {
    await create('mover');
    const stream = await watch('labelSelector=in%3Dview&resourceVersion=0');
    await label('mover', { in: 'view' });
    await label('mover', { other: 'x' });
    await label('mover', { in: null });
    await label('mover', { in: 'view' });
    await remove('mover');
    expect(names(await stream.next(5))).toEqual([
      'ADDED mover',
      'MODIFIED mover',
      'DELETED mover',
      'ADDED mover',
      'DELETED mover',
    ]);
    stream.close();
  });

  it('of one name sees that object alone', async () => {
    const stream = await watch('fieldSelector=metadata.name%3Dalone&resourceVersion=0');
    await create('not-alone');
    await create('alone');
    expect(names(await stream.next(1))).toEqual(['ADDED alone']);
    stream.close();
  });

  it('sends initial events and marks their end when asked to (KEP-3157)', async () => {
    await create('streamed', { of: 'stream' });
    const stream = await watch(
      'labelSelector=of%3Dstream&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
    );
    const [added, bookmark] = await stream.next(2);
    expect(added?.object.metadata?.name).toBe('streamed');
    expect(bookmark?.type).toBe('BOOKMARK');
    expect(bookmark?.object.kind).toBe('ConfigMap');
    expect(bookmark?.object.metadata?.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    stream.close();
  });

  it('can be of Tables, with column definitions in the first event only', async () => {
    const stream = await watch(
      'labelSelector=of%3Dtable',
      'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
    );
    await create('table-one', { of: 'table' });
    await create('table-two', { of: 'table' });
    const events = await stream.next(2);
    expect(events.map(({ object }) => object.kind)).toEqual(['Table', 'Table']);
    expect(events.map(({ object }) => object.rows?.[0]?.cells[0])).toEqual(['table-one', 'table-two']);
    expect(events[0]?.object.columnDefinitions?.length).toBeGreaterThan(0);
    expect(events[1]?.object.columnDefinitions ?? []).toEqual([]);
    stream.close();
  });

  it('ends by itself after timeoutSeconds', async () => {
    const stream = await watch('timeoutSeconds=1&labelSelector=of%3Dnothing');
    expect(await stream.next(1)).toEqual([]);
  });

  it('cuts off a client that does not read, instead of piling up memory', { timeout: 30_000 }, async () => {
    const path = '/api/v1/namespaces/default/configmaps?watch=1&labelSelector=of%3Dflood';
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpGet({ socketPath: server.socket, path }, resolve).once('error', reject);
    });
    response.pause();
    const closed = new Promise<void>((resolve) => response.socket.once('close', () => resolve()));
    const data = { large: 'x'.repeat(1_000_000) };
    for (let i = 0; i < 24; i++) {
      await server.client.create(resources.configmaps, {
        metadata: { name: `flood-${i}`, namespace: 'default', labels: { of: 'flood' } },
        data,
      });
    }
    response.on('error', () => undefined).resume();
    await closed;
    expect(response.complete).toBe(false);
  });

  it('tells by an event, 410 Expired, of a version that is compacted away', async () => {
    const { metadata } = await create('old');
    for (let i = 0; i < 60; i++) await label('old', { turn: String(i) });
    const stream = await watch(`resourceVersion=${metadata?.resourceVersion}`);
    expect(stream.status).toBe(200);
    const [event] = await stream.next(1);
    expect(event).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    stream.close();
    await expect(
      server.client.watch(resources.configmaps, { resourceVersion: '1' }).next(),
    ).rejects.toMatchObject({
      reason: 'Expired',
      message: expect.stringContaining('too old resource version: 1 ('),
    });
  });
});
