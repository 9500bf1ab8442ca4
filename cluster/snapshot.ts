import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { ClientConfig } from '../api/client.ts';
import { StatusError } from '../api/status.ts';
import type { Status } from '../api/types.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  type Snapshot,
  takeSnapshot,
} from '../apiserver/storage/snapshot.ts';
import { attachLab } from '../lab/handle.ts';
import { existingState } from './cluster.ts';
import { adminConfig } from './credentials.ts';
import { type ClusterSpec, nameFlag } from './spec.ts';
import { readSpec, type StateDir } from './state.ts';

/** What is in a snapshot. */
export interface SnapshotSummary {
  revision: number;
  keys: number;
  bytes: number;
}

/**
 * Writes all objects of a cluster into a file, which appears whole or not at all: of a running one as its API gives
 * them, of one that is down as they are in its database.
 */
export async function saveSnapshot(name: string, file: string): Promise<SnapshotSummary> {
  const { state, spec, running } = await find(name);
  const bytes = running
    ? await call(adminConfig(state, spec.apiPort), 'GET')
    : Buffer.concat([...encodeSnapshot(await ofDatabase(state, spec))]);
  const { revision, values } = decodeSnapshot(bytes, 'what the apiserver gave');
  writeDurably(file, bytes);
  return { revision, keys: values.length, bytes: bytes.length };
}

/** How a cluster was restored. */
export interface Restored extends SnapshotSummary {
  /** Where the former database is kept; absent where there was none, and for etcd. */
  former?: string;
}

/**
 * Brings a cluster back to what a snapshot holds. Its own database is exchanged while the cluster is down; an etcd is
 * changed while it runs, write by write. Rejects, and changes nothing, where the file is damaged.
 */
export async function restoreSnapshot(name: string, file: string): Promise<Restored> {
  const bytes = readFileSync(file);
  const snapshot = decodeSnapshot(bytes, file);
  const summary = { revision: snapshot.revision, keys: snapshot.values.length, bytes: bytes.length };
  const { state, spec, running } = await find(name);
  const flag = nameFlag(name);
  if (spec.store === 'etcd') {
    if (!running)
      throw new Error(
        `cluster ${name} keeps its objects in etcd, which must run: v9s up${flag}, then this again`,
      );
    await call(adminConfig(state, spec.apiPort), 'PUT', bytes);
    return summary;
  }
  if (running)
    throw new Error(`cluster ${name} is running; end it first, its objects are kept: v9s down${flag}`);
  const { restoreLevel } = await import('../apiserver/storage/level/restore.ts');
  const former = await restoreLevel(state.db, snapshot);
  return { ...summary, ...(former === undefined ? {} : { former }) };
}

async function find(name: string): Promise<{ state: StateDir; spec: ClusterSpec; running: boolean }> {
  const state = existingState(name);
  const spec = readSpec(state);
  if (!spec) throw new Error(`there is no cluster in ${state.root}`);
  return { state, spec, running: (await attachLab(state.root)) !== undefined };
}

async function ofDatabase(state: StateDir, spec: ClusterSpec): Promise<Snapshot> {
  if (spec.store === 'etcd')
    throw new Error(
      `cluster ${spec.name} keeps its objects in etcd, which must run: v9s up${nameFlag(spec.name)}, then this again`,
    );
  const { openLevelStorage } = await import('../apiserver/storage/level/storage.ts');
  const storage = await openLevelStorage(state.db);
  try {
    return await takeSnapshot(storage);
  } finally {
    await storage.close();
  }
}

async function call(
  { server = '', ca, cert, key }: ClientConfig,
  method: string,
  body?: Buffer,
): Promise<Buffer> {
  const [{ request }, { buffer }] = await Promise.all([
    import('node:https'),
    import('node:stream/consumers'),
  ]);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { method, ca, cert, key, agent: false };
    request(new URL('/snapshot', server), options, resolve).once('error', reject).end(body);
  });
  const bytes = await buffer(answer);
  if (answer.statusCode === 200) return bytes;
  throw new StatusError(JSON.parse(bytes.toString('utf8')) as Status);
}

/** On disk under its name when this returns. */
function writeDurably(file: string, bytes: Buffer): void {
  const draft = `${file}.${process.pid}`;
  try {
    const descriptor = openSync(draft, 'w', 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}
