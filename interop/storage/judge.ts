import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../api/client.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Case } from '../part.ts';
import { named, pathOf, type Sample, samples } from './samples.ts';

/** An apiserver, ours or theirs. */
export interface Server {
  readonly client: Client;
}

async function judged(what: string, attempt: (sample: Sample) => Promise<void>): Promise<Case[]> {
  const cases: Case[] = [];
  for (const sample of samples) {
    const name = `${what}: ${sample.kind}`;
    try {
      await attempt(sample);
      cases.push({ name, outcome: 'passed' });
    } catch (error) {
      cases.push({ name, outcome: 'failed', reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return cases;
}

/** One of each kind under this name. */
export const judgeWriting = ({ client }: Server, name: string, what: string): Promise<Case[]> =>
  judged(what, async (sample) => {
    await client.request('POST', pathOf(sample), named(sample, name));
  });

/** What has this name is there as it was written, stands in the list, and can be changed. */
export const judgeReading = ({ client }: Server, name: string, what: string): Promise<Case[]> =>
  judged(what, async (sample) => {
    const wanted = named(sample, name);
    const found = await client.request<KubeObject>('GET', pathOf(sample, name));
    expectWithin(found, wanted, '');
    const { items } = await client.request<{ items: KubeObject[] }>(
      'GET',
      `${pathOf(sample)}?labelSelector=sample`,
    );
    if (!items.some(({ metadata }) => metadata?.name === wanted.metadata?.name))
      throw new Error(
        `the list has only ${items.map(({ metadata }) => metadata?.name).join(', ') || 'nothing'}`,
      );
    const turn = String(Number(found.metadata?.annotations?.turn ?? '0') + 1);
    const changed = await change(client, sample, name, turn);
    if (changed.metadata?.uid !== found.metadata?.uid) throw new Error('it has another uid after a change');
  });

/** What the one does the other sees: in its watch, its gets and its lists; and the other way round. */
export const judgeBoth = (one: Server, other: Server, what: string, name: string): Promise<Case[]> =>
  judged(what, async (sample) => {
    const { metadata } = await other.client.request<{ metadata: { resourceVersion: string } }>(
      'GET',
      pathOf(sample),
    );
    const watched = watch(
      other.client,
      sample,
      named(sample, name).metadata?.name ?? '',
      metadata.resourceVersion,
    );
    try {
      await one.client.request('POST', pathOf(sample), named(sample, name));
      expectWithin(
        await other.client.request<KubeObject>('GET', pathOf(sample, name)),
        named(sample, name),
        '',
      );
      await change(other.client, sample, name, '1');
      const seen = await one.client.request<KubeObject>('GET', pathOf(sample, name));
      if (seen.metadata?.annotations?.turn !== '1') throw new Error('a change by the other is not seen');
      await change(one.client, sample, name, '2');
      await one.client.request('DELETE', pathOf(sample, name), {
        gracePeriodSeconds: 0,
        // Nobody collects what orphans are left.
        propagationPolicy: 'Background',
      });
      await watched.until(['ADDED', 'MODIFIED', 'DELETED'], sample);
    } finally {
      watched.end();
    }
  });

async function change(client: Client, sample: Sample, name: string, turn: string): Promise<KubeObject> {
  const body = { metadata: { annotations: { turn } } };
  const headers = { 'content-type': 'application/merge-patch+json' };
  const changed = await client.request<KubeObject>('PATCH', pathOf(sample, name), body, headers);
  if (changed.metadata?.annotations?.turn !== turn) throw new Error('a change is not in the answer');
  return changed;
}

function watch(client: Client, sample: Sample, name: string, resourceVersion: string) {
  const ending = new AbortController();
  const types: string[] = [];
  let failure: unknown;
  const [group = '', version = ''] = sample.apiVersion.includes('/')
    ? sample.apiVersion.split('/')
    : ['', sample.apiVersion];
  const resource = {
    ...{ group, version, kind: sample.kind, type: sample.kind, name: sample.resource },
    ...{ singular: '', namespaced: sample.namespaced },
  };
  const follow = async () => {
    const options = { resourceVersion, signal: ending.signal };
    const scope = sample.namespaced ? { namespace: 'default' } : {};
    for await (const { type, object } of client.watch(resource, { ...options, ...scope }))
      if (object.metadata?.name === name) types.push(type);
  };
  void follow().catch((error: unknown) => {
    failure = error;
  });
  return {
    end: () => ending.abort(),
    async until(wanted: readonly string[], { kind }: Sample): Promise<void> {
      const expected = onlyMarked.includes(kind) ? wanted.slice(0, 2) : wanted;
      for (const deadline = performance.now() + 10_000; !expected.every((type) => types.includes(type)); ) {
        if (failure) throw failure;
        if (performance.now() > deadline)
          throw new Error(`the watch told of ${types.join(', ') || 'nothing'}`);
        await delay(20);
      }
    },
  };
}

/** They wait for controllers, who are not here, before they go. */
const onlyMarked = ['Namespace', 'PersistentVolume', 'PersistentVolumeClaim'];

/** Throws where something that was written is not there any more, or is otherwise. */
function expectWithin(found: unknown, wanted: unknown, path: string): void {
  if (typeof wanted !== 'object' || wanted === null) {
    if (found !== wanted)
      throw new Error(`${path}: ${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
    return;
  }
  if (typeof found !== 'object' || found === null) throw new Error(`${path} is missing`);
  for (const [key, value] of Object.entries(wanted))
    expectWithin((found as Record<string, unknown>)[key], value, `${path}.${key}`);
}
