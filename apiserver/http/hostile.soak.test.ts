import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { resources } from '../../api/scheme.ts';
import { encodeValue } from '../storage/entry.ts';
import { storageKey } from '../storage/keys.ts';
import { openLevelStorage } from '../storage/level/storage.ts';
import { startTestApiserver } from '../testing/apiserver.ts';
import { fuzz } from '../testing/fuzz.ts';
import { bundleProgram } from '../testing/kill-loop.ts';

const folder = mkdtempSync(join(tmpdir(), 'v9s-hostile-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.each([2, 3, 4, 5, 6, 7, 8, 9])('answers 5,000 requests of seed %i that nobody means', async (seed) => {
  const server = await startTestApiserver();
  const { codes, wrong } = await fuzz({ socket: server.socket, seed, count: 5_000 });
  console.log(`seed ${seed}: ${JSON.stringify(codes)}`);
  expect(wrong).toEqual([]);
  expect(server.failures).toEqual([]);
  await server.stop();
});

const objects = 10_000;
const size = 10_000;
const slowReaders = 50;

/** In a process of its own, whose memory is its alone. */
it(`serves ${objects} objects of ${size} bytes in bounded memory`, async () => {
  const data = { a: 'z'.repeat(size) };
  const storage = await openLevelStorage(join(folder, 'db'));
  await Promise.all(
    Array.from({ length: objects }, (_, i) => {
      const object = { metadata: { name: `large-${i}`, namespace: 'default', uid: `${i}` }, data };
      return storage.put(
        storageKey(resources.configmaps, object.metadata.name, 'default'),
        encodeValue(resources.configmaps, object),
        0,
      );
    }),
  );
  await storage.close();
  const child = spawn(process.execPath, ['--max-semi-space-size=1', await bundleProgram(folder), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const agent = new Agent({ keepAlive: true });
  const ask = async (path: string, headers = {}) => {
    const outgoing = request({ socketPath: join(folder, 'sock'), path, agent, headers }).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return response;
  };
  const read = async (path: string, headers = {}) => {
    let length = 0;
    for await (const chunk of await ask(path, headers)) length += chunk.length;
    return length;
  };
  const memory = async () => {
    let text = '';
    for await (const chunk of await ask('/metrics')) text += chunk;
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / 2 ** 20;
  };
  const maps = '/api/v1/configmaps';
  /** Longest answer to a small question meanwhile, in ms. */
  const meanwhile = async (work: Promise<unknown>) => {
    let longest = 0;
    let done = false;
    const finished = work.finally(() => {
      done = true;
    });
    while (!done) {
      const start = performance.now();
      await read('/readyz');
      longest = Math.max(longest, performance.now() - start);
      await delay(1);
    }
    await finished;
    return longest;
  };
  const told: string[] = [];
  const tell = async (what: string, work: () => Promise<unknown>) => {
    const start = performance.now();
    const longest = await meanwhile(work());
    const seconds = ((performance.now() - start) / 1000).toFixed(2);
    told.push(
      `${what}: ${seconds} s, others waited ${longest.toFixed(0)} ms, ${(await memory()).toFixed(0)} MB`,
    );
  };
  const all = objects * size;
  told.push(`at start: ${(await memory()).toFixed(0)} MB`);
  await tell('list', async () => expect(await read(maps)).toBeGreaterThan(all));
  await tell('list with gzip', () => read(maps, { 'accept-encoding': 'gzip' }));
  await tell('list of 500', () => read(`${maps}?limit=500`));
  await tell('list by label', () => read(`${maps}?labelSelector=a%3Db`));
  await tell('list as Table', () => read(maps, { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' }));
  await tell('list as protobuf', () => read(maps, { accept: 'application/vnd.kubernetes.protobuf' }));
  await tell('watch from nothing', async () => {
    const stream = await ask(`${maps}?watch=1`);
    let length = 0;
    for await (const chunk of stream) {
      length += chunk.length;
      if (length > all) stream.destroy();
      if (length > all) break;
    }
  });
  const slow = await Promise.all(Array.from({ length: slowReaders }, () => ask(maps)));
  told.push(`${slowReaders} lists that nobody reads: ${(await memory()).toFixed(0)} MB`);
  expect(await memory()).toBeLessThan(1_200);
  for (const one of slow) one.destroy();
  await tell('list', () => read(maps));
  console.log(told.join('\n'));
  agent.destroy();
  const exited = once(child, 'exit');
  child.stdin.end();
  await exited;
});
