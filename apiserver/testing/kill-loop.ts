import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect } from 'vitest';
import { type Client, createClient } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { ConfigMap } from '../../api/types.ts';
import type { EtcdOptions } from '../storage/etcd/storage.ts';

/** One object that one writer changes: what it was told last, and what it asked for since. */
interface Slot {
  name: string;
  /** Counter of the last acknowledged write; 0 where that was a removal, or there was none. */
  acknowledged: number;
  /** Of the last acknowledged write that left an object. */
  version: number;
  /** What may have happened though nobody was told. */
  asked: number | undefined;
  next: number;
}

export interface KillLoopOptions {
  cycles: number;
  etcd?: EtcdOptions;
  /** Kills what the apiserver works with, and brings it back; called in every other cycle. */
  disturb?: () => Promise<void>;
}

const writers = 8;
const padding = 'x'.repeat(2_000);

/**
 * Writes, kills the apiserver with SIGKILL in the middle of it, starts it anew and looks: every acknowledged write
 * is there, none is half there, and resourceVersions never go back. Resolves to how many writes were acknowledged.
 */
export async function killLoop({ cycles, etcd, disturb }: KillLoopOptions): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'v9s-kill-'));
  const slots = Array.from(
    { length: writers },
    (_, index): Slot => ({
      name: `slot-${index}`,
      acknowledged: 0,
      version: 0,
      asked: undefined,
      next: 1,
    }),
  );
  let count = 0;
  let newest = 0;
  let child: ChildProcess | undefined;
  try {
    const program = await bundleProgram(folder);
    for (let cycle = 0; cycle < cycles; cycle++) {
      child = await start(program, folder, etcd);
      const client = createClient({ socketPath: join(folder, 'sock') });
      newest = await look(client, slots, newest);
      const before = count;
      const writing = slots.map((slot) =>
        write(client, slot, () => {
          count++;
        }),
      );
      while (count === before) await delay(1);
      await delay(Math.random() * 40);
      const exited = once(child, 'exit');
      if (cycle % 2 === 1) await Promise.all([disturb?.(), killed(child)]);
      else await killed(child);
      await exited;
      await Promise.all(writing);
      client.close();
    }
    child = await start(program, folder, etcd);
    const client = createClient({ socketPath: join(folder, 'sock') });
    await look(client, slots, newest);
    client.close();
    return count;
  } finally {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
}

/** One file starts in a third of the time that the sources take. */
export async function bundleProgram(folder: string): Promise<string> {
  const outfile = join(folder, 'program.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./program.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['classic-level'],
    banner: {
      js: `import{createRequire}from'node:module';const require=createRequire(${JSON.stringify(import.meta.url)});`,
    },
    logLevel: 'error',
  });
  return outfile;
}

async function start(program: string, folder: string, etcd: EtcdOptions | undefined): Promise<ChildProcess> {
  const args = [program, folder, ...(etcd ? [JSON.stringify(etcd)] : [])];
  const child = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compile') },
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the apiserver ended with ${code} before it served`);
  });
  await Promise.race([once(child.stdout, 'data'), ended]);
  ended.catch(() => undefined);
  return child;
}

/** Creates, changes and now and then removes its object, until the apiserver is gone. */
async function write(client: Client, slot: Slot, acknowledge: () => void): Promise<void> {
  const ref = { name: slot.name, namespace: 'default' };
  let exists = slot.acknowledged > 0;
  for (;;) {
    const counter = slot.next++;
    const remove = exists && counter % 10 === 0;
    slot.asked = remove ? 0 : counter;
    const object: ConfigMap = {
      metadata: ref,
      data: { counter: String(counter), padding, again: String(counter) },
    };
    try {
      if (remove) await client.delete(resources.configmaps, ref);
      else {
        const made = exists
          ? await client.update(resources.configmaps, object)
          : await client.create(resources.configmaps, object);
        slot.version = versionOf(made);
      }
    } catch (error) {
      // The connection broke, or etcd did: nobody was told whether it happened.
      expect(hasReason(error, 'Conflict') || hasReason(error, 'AlreadyExists'), String(error)).toBe(false);
      return;
    }
    exists = !remove;
    slot.acknowledged = remove ? 0 : counter;
    slot.asked = undefined;
    acknowledge();
  }
}

/** Resolves to the list's resourceVersion. Every slot then knows what there is. */
async function look(client: Client, slots: readonly Slot[], newest: number): Promise<number> {
  const { items, metadata } = await client.list(resources.configmaps, { namespace: 'default' });
  const version = Number(metadata.resourceVersion);
  expect(version, 'resourceVersion of the list').toBeGreaterThanOrEqual(newest);
  const found = new Map(items.map((item) => [item.metadata?.name, item]));
  for (const slot of slots) {
    const object = found.get(slot.name);
    const counter = object ? Number(object.data?.counter) : 0;
    const possible = [slot.acknowledged, ...(slot.asked === undefined ? [] : [slot.asked])];
    expect(possible, `what ${slot.name} holds`).toContain(counter);
    if (object) {
      expect(object.data).toEqual({ counter: String(counter), padding, again: String(counter) });
      expect(versionOf(object)).toBeGreaterThanOrEqual(slot.version);
      slot.version = versionOf(object);
    }
    slot.acknowledged = counter;
    slot.asked = undefined;
  }
  expect(version).toBeGreaterThanOrEqual(Math.max(...slots.map((slot) => slot.version)));
  return version;
}

const versionOf = (object: ConfigMap) => Number(object.metadata?.resourceVersion);
