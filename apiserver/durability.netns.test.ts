import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../api/client.ts';
import { resources } from '../api/scheme.ts';
import type { ConfigMap } from '../api/types.ts';

const program = fileURLToPath(new URL('./testing/program.ts', import.meta.url));
const folders: string[] = [];
const children: ChildProcess[] = [];
const clients: Client[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  for (const child of children.splice(0)) child.stdin?.end();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'v9s-durability-'));
  folders.push(folder);
  return folder;
}

/** Resolves once the program serves; `before` goes before its command line. */
async function startProgram(folder: string, before: readonly string[] = []): Promise<ChildProcess> {
  const [command = '', ...args] = [...before, process.execPath, '--import', 'tsx', program, folder];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

function connect(folder: string): Client {
  const client = createClient({ socketPath: join(folder, 'sock') });
  clients.push(client);
  return client;
}

const configMap = (name: string): ConfigMap => ({ metadata: { name, namespace: 'default' }, data: { name } });
const versionOf = (object: ConfigMap) => Number(object.metadata?.resourceVersion);

describe('an acknowledged write', () => {
  it('survives kill -9, and watches resume from versions of before', { timeout: 60_000 }, async () => {
    const folder = newFolder();
    const child = await startProgram(folder);
    const client = connect(folder);
    const acknowledged: ConfigMap[] = [];
    const writer = async (id: number) => {
      for (let i = 0; ; i++) {
        acknowledged.push(await client.create(resources.configmaps, configMap(`cm-${id}-${i}`)));
        // In the middle of it all: some writes are answered, others are not.
        if (acknowledged.length === 300) child.kill('SIGKILL');
      }
    };
    await Promise.allSettled(Array.from({ length: 30 }, (_, id) => writer(id)));
    expect(acknowledged.length).toBeGreaterThanOrEqual(300);

    await startProgram(folder);
    const again = connect(folder);
    const { items, metadata } = await again.list(resources.configmaps, { namespace: 'default' });
    const stored = new Map(items.map((item) => [item.metadata?.name, item]));
    for (const object of acknowledged) {
      expect(stored.get(object.metadata?.name)?.metadata).toEqual(object.metadata);
    }
    const newest = Math.max(...acknowledged.map(versionOf));
    expect(Number(metadata.resourceVersion)).toBeGreaterThanOrEqual(newest);

    const inOrder = items.map(versionOf).sort((a, b) => a - b);
    const from = inOrder[10] ?? 0;
    const wanted = inOrder.slice(11);
    const seen: number[] = [];
    for await (const { type, object } of again.watch(resources.configmaps, {
      resourceVersion: String(from),
    })) {
      expect(type).toBe('ADDED');
      seen.push(versionOf(object));
      if (seen.length === wanted.length) break;
    }
    expect(seen).toEqual(wanted);
    const next = await again.create(resources.configmaps, configMap('after'));
    expect(versionOf(next)).toBeGreaterThan(newest);
  });

  const strace = spawnSync('strace', ['-e', 'trace=fsync', 'true']).status === 0;
  if (!strace)
    console.log('skipped: strace cannot trace here, so the order of fsync and answer is not shown');

  it.skipIf(!strace)('is on disk before its answer leaves', { timeout: 60_000 }, async () => {
    const folder = newFolder();
    const trace = join(folder, 'trace');
    const calls = 'trace=fdatasync,fsync,write,writev,sendto,sendmsg';
    await startProgram(folder, ['strace', '-f', '-tt', '-s', '400', '-o', trace, '-e', calls]);
    const client = connect(folder);
    const names = ['durable-one', 'durable-two'];
    for (const name of names) await client.create(resources.configmaps, configMap(name));
    const lines = readFileSync(trace, 'utf8').split('\n');
    for (const name of names) {
      const logged = lines.findIndex((line) => line.includes(`/registry/configmaps/default/${name}`));
      const answered = lines.findIndex((line, at) => at > logged && /HTTP\/1\.1 201/.test(line));
      expect(logged, `the write of ${name} to the log`).toBeGreaterThan(0);
      expect(answered, `the answer for ${name}`).toBeGreaterThan(logged);
      const between = lines.slice(logged, answered);
      const file = /write\((\d+),/.exec(lines[logged] ?? '')?.[1];
      const synced = between.some(
        (line) => /fdatasync|fsync/.test(line) && (line.includes(`(${file})`) || /resumed.*= 0/.test(line)),
      );
      expect(synced, `fdatasync of the log (file ${file}) between\n${between.join('\n')}`).toBe(true);
    }
  });
});
