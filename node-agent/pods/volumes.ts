import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, KeyToPath, Pod, Volume, VolumeProjection } from '../../api/types.ts';
import type { BindMount } from '../runtime/root-plan.ts';
import { type VolumeFile, writeVolume } from './atomic-writer.ts';
import { fieldValue, type PodPlace } from './environment.ts';
import { NotYetError, type Sources } from './sources.ts';

type Files = Map<string, VolumeFile>;

/**
 * Fills or refreshes the folders of a pod's volumes below `folder`, one each. Called again and again:
 * files change in place when a ConfigMap, Secret or token does.
 *
 * @throws {NotYetError} naming the volume, when something it refers to does not exist yet
 */
export async function prepareVolumes(
  pod: Pod,
  folder: string,
  sources: Sources,
  place: PodPlace,
): Promise<void> {
  await Promise.all(
    (pod.spec?.volumes ?? []).map(async (volume) => {
      try {
        const path = join(folder, volume.name);
        if (volume.hostPath) return;
        if (volume.emptyDir) {
          mkdirSync(path, { recursive: true });
          chmodSync(path, 0o777);
          return;
        }
        const files = await volumeFiles(pod, volume, sources, place);
        if (files) writeVolume(path, files);
      } catch (error) {
        if (!(error instanceof NotYetError)) throw error;
        throw new NotYetError(
          `MountVolume.SetUp failed for volume ${JSON.stringify(volume.name)} : ${error.message}`,
          { cause: error },
        );
      }
    }),
  );
}

/** Where a container's volumeMounts come from, once {@link prepareVolumes} has been there. */
export function volumeBinds(pod: Pod, container: Container, folder: string): BindMount[] {
  return (container.volumeMounts ?? []).map(({ name, mountPath, subPath, readOnly }) => {
    const volume = pod.spec?.volumes?.find((one) => one.name === name);
    if (!volume) throw new NotYetError(`volume ${JSON.stringify(name)} is not declared by the pod`);
    if (subPath?.split('/').includes('..'))
      throw new NotYetError(`subPath ${JSON.stringify(subPath)} must not contain ".."`);
    const base = volume.hostPath ? volume.hostPath.path : join(folder, name);
    const source = subPath ? join(base, subPath) : base;
    if (volume.emptyDir && !existsSync(source)) mkdirSync(source, { recursive: true });
    // What is not the pod's own stays as it is: nothing in a lab may change the host.
    return { source, target: mountPath, readOnly: readOnly === true || !volume.emptyDir };
  });
}

async function volumeFiles(
  pod: Pod,
  volume: Volume,
  sources: Sources,
  place: PodPlace,
): Promise<Files | undefined> {
  const namespace = pod.metadata?.namespace ?? 'default';
  if (volume.configMap) {
    const { name = '', items, optional, defaultMode } = volume.configMap;
    return select(await sources.configMap(namespace, name, optional), items, defaultMode, optional);
  }
  if (volume.secret) {
    const { secretName = '', items, optional, defaultMode } = volume.secret;
    return select(await sources.secret(namespace, secretName, optional), items, defaultMode, optional);
  }
  if (volume.downwardAPI) return downwardFiles(pod, volume.downwardAPI, place);
  if (volume.projected) {
    const { sources: parts = [], defaultMode } = volume.projected;
    const all = await Promise.all(
      parts.map((part) => projectedFiles(pod, part, defaultMode, sources, place)),
    );
    return new Map(all.flatMap((files) => [...files]));
  }
  const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
  throw new NotYetError(
    `volumes of type ${kind} are not supported; use emptyDir, configMap, secret, projected, downwardAPI or hostPath`,
  );
}

async function projectedFiles(
  pod: Pod,
  part: VolumeProjection,
  defaultMode: number | undefined,
  sources: Sources,
  place: PodPlace,
): Promise<Files> {
  const namespace = pod.metadata?.namespace ?? 'default';
  if (part.configMap) {
    const { name = '', items, optional } = part.configMap;
    return select(await sources.configMap(namespace, name, optional), items, defaultMode, optional);
  }
  if (part.secret) {
    const { name = '', items, optional } = part.secret;
    return select(await sources.secret(namespace, name, optional), items, defaultMode, optional);
  }
  if (part.downwardAPI)
    return downwardFiles(pod, { ...part.downwardAPI, ...(defaultMode ? { defaultMode } : {}) }, place);
  if (part.serviceAccountToken) {
    const { path, audience, expirationSeconds = 3600 } = part.serviceAccountToken;
    const content = await sources.token(pod, audience, expirationSeconds);
    return new Map([[path, { content, mode: defaultMode ?? 0o644 }]]);
  }
  return new Map();
}

function select(
  data: ReadonlyMap<string, Buffer> | undefined,
  items: readonly KeyToPath[] | undefined,
  defaultMode = 0o644,
  optional = false,
): Files {
  if (!data) return new Map();
  if (!items) return new Map([...data].map(([key, content]) => [key, { content, mode: defaultMode }]));
  const files: Files = new Map();
  for (const { key, path, mode } of items) {
    const content = data.get(key);
    if (content) files.set(path, { content, mode: mode ?? defaultMode });
    else if (!optional) throw new NotYetError(`references non-existent config key: ${key}`);
  }
  return files;
}

function downwardFiles(
  pod: Pod,
  source: {
    defaultMode?: number;
    items?: readonly { path: string; mode?: number; fieldRef?: { fieldPath: string } }[];
  },
  place: PodPlace,
): Files {
  return new Map(
    (source.items ?? []).map(({ path, mode, fieldRef }) => {
      const value = fieldRef && fieldValue(pod, fieldRef.fieldPath, place);
      if (value === undefined)
        throw new NotYetError(`${path}: unsupported downward API field ${fieldRef?.fieldPath ?? '(none)'}`);
      return [path, { content: Buffer.from(value), mode: mode ?? source.defaultMode ?? 0o644 }];
    }),
  );
}
