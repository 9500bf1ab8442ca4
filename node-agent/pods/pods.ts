import { mkdirSync, readdirSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../../api/client.ts';
import { startInformer } from '../../api/informer.ts';
import { createReconciler } from '../../api/queue.ts';
import { resources } from '../../api/scheme.ts';
import type { Pod } from '../../api/types.ts';
import { readRecords } from '../runtime/containers.ts';
import { podDir } from '../runtime/paths.ts';
import { createStarter } from '../runtime/starter.ts';
import type { PodContext } from './context.ts';
import { watchProcesses } from './processes.ts';
import { createReporter } from './report.ts';
import { hasHostPorts, readSandbox } from './sandbox.ts';
import { pidHolder } from './shared-pid.ts';
import { apiTime, type ContainerEntry, type PodState } from './state.ts';
import { startStaticPods } from './static-pods.ts';
import { syncPod } from './sync.ts';

export interface PodsConfig
  extends Omit<
    PodContext,
    'enqueue' | 'report' | 'notifyDir' | 'hostDir' | 'told' | 'starts' | 'states' | 'starter'
  > {
  client: Client;
  runDir: string;
  /** Folder of manifests; default `manifests` below `runDir`. */
  staticPodPath?: string;
  signal: AbortSignal;
  onError: (what: string, error: unknown) => void;
}

/** The pods of this node. */
export interface Pods {
  /** Looks at every pod again: the node's network has come, or Services have. */
  enqueueAll(): void;
  /** Pods whose network or processes still exist. */
  size(): number;
  /** Every pod that is bound to this node or still has something here. */
  all(): Iterable<PodState>;
}

/**
 * Keeps this node's pods as the API has them. Pods that were running before this process began are
 * adopted from their folders; those that the API does not have any more are removed.
 */
export async function startPods(config: PodsConfig, ready: Promise<unknown>): Promise<Pods> {
  const { client, runDir, nodeName, signal, onError } = config;
  const notifyDir = join(runDir, 'exits');
  mkdirSync(notifyDir, { recursive: true });
  const states = adoptAll(runDir);

  const reporter = createReporter(client, {
    nodeIps: config.nodeIps,
    signal,
    onError(state, error) {
      onError(`status of pod ${state.pod?.metadata?.namespace}/${state.pod?.metadata?.name}`, error);
      reconciler.enqueueAfter(state.uid, 1_000);
    },
  });
  const context: PodContext = {
    ...config,
    starter: createStarter(config.kernel),
    notifyDir,
    hostDir: join(runDir, 'host'),
    told: new Set(),
    starts: [],
    states: () => states.values(),
    enqueue: (uid) => reconciler.enqueue(uid),
    report: (state) => reporter.report(state),
  };
  const reconciler = createReconciler({
    signal,
    concurrency: 16,
    onError: (uid, error) => onError(`pod ${uid}`, error),
    async reconcile(uid) {
      const state = states.get(uid);
      if (!state) return;
      staticPods.mirror(state);
      const result = await syncPod(context, state);
      if (result !== 'gone') return result;
      states.delete(uid);
      rmSync(join(notifyDir, uid), { force: true });
    },
  });

  const watcher = watch(notifyDir, (_event, name) => {
    if (name && !name.endsWith('.new')) reconciler.enqueue(name);
  });
  signal.addEventListener('abort', () => watcher.close(), { once: true });

  let started = false;
  const staticPods = startStaticPods({
    folder: config.staticPodPath ?? join(runDir, 'manifests'),
    nodeName,
    client,
    signal,
    states,
    newState: (uid) => emptyState(runDir, uid),
    enqueue: (uid) => started && reconciler.enqueue(uid),
    onError,
  });
  const informer = startInformer(client, resources.pods, {
    fieldSelector: `spec.nodeName=${nodeName}`,
    signal,
    onError: (error) => onError('watching pods', error),
    onChange({ type, object }) {
      if (staticPods.take(type, object)) return;
      const uid = object.metadata?.uid ?? '';
      const state = states.get(uid) ?? emptyState(runDir, uid);
      if (type === 'deleted' && !states.has(uid)) return;
      states.set(uid, state);
      state.pod = type === 'deleted' ? undefined : object;
      if (started) reconciler.enqueue(uid);
    },
  });
  await Promise.all([informer.synced, ready]);
  started = true;
  watchProcesses(() => states.values(), config.recorder, signal, config.podPidsLimit);
  const enqueueAll = () => {
    for (const uid of states.keys()) reconciler.enqueue(uid);
  };
  enqueueAll();
  return { enqueueAll, size: () => states.size, all: () => states.values() };
}

function emptyState(runDir: string, uid: string): PodState {
  return {
    uid,
    dir: podDir(runDir, uid),
    pod: undefined as Pod | undefined,
    startTime: apiTime(),
    ips: [],
    netns: undefined,
    sandboxReady: false,
    released: false,
    containers: new Map(),
  };
}

function adoptAll(runDir: string): Map<string, PodState> {
  const folder = join(runDir, 'pods');
  mkdirSync(folder, { recursive: true });
  return new Map(readdirSync(folder).map((uid) => [uid, adopt(runDir, uid)]));
}

function adopt(runDir: string, uid: string): PodState {
  const state = emptyState(runDir, uid);
  const sandbox = readSandbox(state.dir);
  if (sandbox) {
    state.startTime = sandbox.startTime;
    state.ips = sandbox.ips;
    state.netns = sandbox.netns;
    state.sandboxReady = true;
  }
  state.hasHostPorts = hasHostPorts(state.dir);
  // Oldest first, so that the newest attempt of each container remains.
  for (const { dir, record } of readRecords(join(state.dir, 'containers'))) {
    if (record.name === pidHolder) continue;
    const entry: ContainerEntry = { name: record.name, record, dir, firstAttempt: 0, adopted: Date.now() };
    state.containers.set(record.name, entry);
  }
  return state;
}
