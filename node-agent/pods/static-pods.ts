import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Pod } from '../../api/types.ts';
import { apiTime, type PodState } from './state.ts';

const hashAnnotation = 'kubernetes.io/config.hash';
const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** A file is read this long after it has changed, so that who writes it has ended. */
const settling = 100;

/** Milliseconds until what the API would not do is tried again. */
const retry = 500;

export interface StaticPodsConfig {
  /** A manifest a file, YAML or JSON; those whose names begin with a dot are left alone. */
  folder: string;
  nodeName: string;
  client: Client;
  signal: AbortSignal;
  /** The states of all pods, by uid; those of static pods are added. */
  states: Map<string, PodState>;
  newState(uid: string): PodState;
  enqueue(uid: string): void;
  onError(what: string, error: unknown): void;
}

/** The pods that the node runs without having been told by the API; there, mirrors of them show. */
export interface StaticPods {
  /** Told of every pod of the API. True for a mirror, which nobody else shall run. */
  take(type: string, object: Pod): boolean;
  /** Makes a static pod's mirror as it should be. Does not wait for the API, without which the pod runs too. */
  mirror(state: PodState): void;
}

/**
 * Follows a folder of manifests. A changed file is another pod: the one before is ended. Upstream: kubelet
 * `pkg/kubelet/config/{file,common}.go`, `pkg/kubelet/pod/mirror_client.go`.
 */
export function startStaticPods(config: StaticPodsConfig): StaticPods {
  const { folder, nodeName, client, signal, states, enqueue, onError } = config;
  mkdirSync(folder, { recursive: true });
  const mirrors = new Map<string, Pod>();

  function scan(files: readonly { name: string; pod: Pod | undefined }[]): void {
    const wanted = new Map(
      files.flatMap(({ pod }) => (pod ? [[pod.metadata?.uid ?? '', pod] as const] : [])),
    );
    for (const [uid, pod] of wanted) {
      const state = states.get(uid) ?? config.newState(uid);
      states.set(uid, state);
      if (state.isStatic && state.pod && !state.pod.metadata?.deletionTimestamp) continue;
      state.isStatic = true;
      state.mirror = mirrors.get(uid);
      state.pod = withStatus(pod, state.mirror);
      enqueue(uid);
    }
    for (const state of states.values()) {
      const { uid, isStatic, pod } = state;
      if (!isStatic || !pod || wanted.has(uid) || pod.metadata?.deletionTimestamp) continue;
      state.pod = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: apiTime() } };
      enqueue(uid);
    }
  }

  /** An empty folder, the usual case, loads nothing. */
  async function read(): Promise<void> {
    const names = readdirSync(folder).filter((name) => !name.startsWith('.'));
    if (names.length === 0) return scan([]);
    const { parse } = await import('../../api/yaml.ts');
    scan(
      names.map((name) => {
        const file = join(folder, name);
        try {
          const text = readFileSync(file, 'utf8');
          return { name, pod: staticPod(parse(text), { nodeName, file, text }) };
        } catch (error) {
          onError(`static pod ${file}`, error);
          return { name, pod: undefined };
        }
      }),
    );
  }

  const again = () =>
    read().catch((error: unknown) => {
      if (!signal.aborted) onError('static pods', error);
    });
  let changed = false;
  const watcher = watch(folder, async () => {
    if (changed) return;
    changed = true;
    await delay(settling);
    changed = false;
    if (!signal.aborted) await again();
  });
  signal.addEventListener('abort', () => watcher.close(), { once: true });
  if (readdirSync(folder).length > 0) void again();

  async function remove({ metadata = {} }: Pod): Promise<void> {
    const { name = '', namespace = '', uid } = metadata;
    const options = { gracePeriodSeconds: 0, ...(uid ? { preconditions: { uid } } : {}) };
    try {
      await client.delete(resources.pods, { name, namespace }, options);
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
  }

  async function create(pod: Pod): Promise<void> {
    const { uid = '', name = '', namespace = '', annotations } = pod.metadata ?? {};
    const node = await client.get(resources.nodes, { name: nodeName });
    const metadata = {
      ...pod.metadata,
      annotations: { ...annotations, [mirrorAnnotation]: uid },
      // A node may make pods that go with it.
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: node.metadata?.uid ?? '', controller: true },
      ],
    };
    delete metadata.uid;
    try {
      await client.create(resources.pods, { metadata, ...(pod.spec ? { spec: pod.spec } : {}) });
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
      const other = await client.get(resources.pods, { name, namespace });
      const hash = hashOf(other);
      if (hash && hash !== uid) await remove(other);
      // The one before is on its way out, or somebody's pod has the name.
      setTimeout(() => enqueue(uid), retry).unref();
    }
  }

  return {
    take(type, object) {
      const hash = hashOf(object);
      if (!hash) return false;
      if (type !== 'deleted') mirrors.set(hash, object);
      else if (mirrors.get(hash)?.metadata?.uid === object.metadata?.uid) mirrors.delete(hash);
      const state = states.get(hash);
      const now = mirrors.get(hash);
      if (state?.isStatic) {
        if (state.mirror?.metadata?.uid !== now?.metadata?.uid) delete state.sent;
        state.mirror = now;
        if (state.pod) state.pod = withStatus(state.pod, now);
        enqueue(hash);
      } else if (now) {
        // Of a manifest that was removed while nobody looked.
        setTimeout(() => {
          if (!states.get(hash)?.isStatic && mirrors.get(hash) === now)
            remove(now).catch((error: unknown) => onError('removing a mirror pod', error));
        }, retry).unref();
      }
      return true;
    },
    mirror({ pod, mirror, isStatic, uid }) {
      if (!isStatic || !pod || pod.metadata?.deletionTimestamp) return;
      const work = mirror ? (mirror.metadata?.deletionTimestamp ? remove(mirror) : undefined) : create(pod);
      work?.catch((error: unknown) => {
        if (signal.aborted) return;
        onError(`mirror of static pod ${pod.metadata?.name}`, error);
        setTimeout(() => enqueue(uid), retry).unref();
      });
    },
  };
}

const hashOf = (pod: Pod) => pod.metadata?.annotations?.[mirrorAnnotation];

const withStatus = (pod: Pod, mirror: Pod | undefined): Pod =>
  mirror?.status ? { ...pod, status: mirror.status } : pod;

/**
 * The pod of a manifest: its name has the node's at its end, its uid follows from what it says.
 *
 * @throws when it is no Pod, or one that needs something of the API
 */
export function staticPod(
  manifest: unknown,
  { nodeName, file, text }: { nodeName: string; file: string; text: string },
): Pod {
  if (!isPod(manifest))
    throw new Error(`${file}: want an object of kind Pod with metadata.name and spec.containers`);
  const { metadata = {}, spec } = manifest;
  if (spec?.serviceAccountName) throw new Error(`${file}: a static pod may not reference a service account`);
  const hash = createHash('md5').update(`${nodeName}\n${file}\n${text}`).digest('hex');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name: `${metadata.name}-${nodeName}`,
      namespace: metadata.namespace ?? 'default',
      uid: hash,
      annotations: {
        ...metadata.annotations,
        [hashAnnotation]: hash,
        'kubernetes.io/config.source': 'file',
      },
    },
    spec: {
      ...spec,
      containers: spec?.containers ?? [],
      nodeName,
      automountServiceAccountToken: false,
      tolerations: [...(spec?.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }],
    },
  };
}

function isPod(value: unknown): value is Pod {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, metadata, spec } = value as Pod;
  return kind === 'Pod' && typeof metadata?.name === 'string' && Array.isArray(spec?.containers);
}
