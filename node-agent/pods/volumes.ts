import { chmodSync, chownSync, existsSync, lchownSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Client } from '../../api/client.ts';
import { quantityValue } from '../../api/quantity.ts';
import type {
  Container,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Volume,
  VolumeProjection,
} from '../../api/types.ts';
import type { Kernel } from '../../kernel/run.ts';
import { insideTree } from '../images/inside-tree.ts';
import type { BindMount } from '../runtime/root-plan.ts';
import { type VolumeFile, writeVolume } from './atomic-writer.ts';
import { claimedPath, claimNameOf, prepareClaim } from './claims.ts';
import { expand, fieldValue, type PodPlace } from './environment.ts';
import { hostPath, type NodeFiles } from './host-path.ts';
import { resourceValue } from './resource-field.ts';
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
  { sources, kernel, client }: { sources: Sources; kernel: Kernel; client: Client },
  place: PodPlace,
): Promise<void> {
  const fsGroup = pod.spec?.securityContext?.fsGroup;
  const namespace = pod.metadata?.namespace ?? 'default';
  await Promise.all(
    (pod.spec?.volumes ?? []).map(async (volume) => {
      try {
        const path = join(folder, volume.name);
        const claim = claimNameOf(pod, volume);
        if (volume.hostPath) {
          hostPath(place, volume.hostPath.path, volume.hostPath.type);
        } else if (claim) {
          await prepareClaim(client, { namespace, name: claim, link: path }, place);
        } else if (volume.emptyDir) {
          const { medium, sizeLimit } = volume.emptyDir;
          if (existsSync(path) && (medium !== 'Memory' || isMountPoint(path))) return;
          mkdirSync(path, { recursive: true });
          if (medium === 'Memory') await mountMemory(kernel, path, sizeLimit);
          chmodSync(path, fsGroup === undefined ? 0o777 : 0o2777);
          if (fsGroup !== undefined) giveToGroup(path, fsGroup);
        } else {
          const files = await volumeFiles(pod, volume, sources, place);
          if (files && writeVolume(path, files) && fsGroup !== undefined) giveToGroup(path, fsGroup, 0o440);
        }
      } catch (error) {
        throw new NotYetError(
          `MountVolume.SetUp failed for volume ${JSON.stringify(volume.name)} : ${(error as Error).message}`,
          { cause: error },
        );
      }
    }),
  );
}

/** Where a container's volumeMounts come from, once {@link prepareVolumes} has been there. */
export function volumeBinds(
  pod: Pod,
  container: Container,
  { folder, node, env }: { folder: string; node: NodeFiles; env: Readonly<Record<string, string>> },
): BindMount[] {
  return (container.volumeMounts ?? []).map(({ name, mountPath, subPath, subPathExpr, readOnly }) => {
    const volume = pod.spec?.volumes?.find((one) => one.name === name);
    if (!volume) throw new NotYetError(`volume ${JSON.stringify(name)} is not declared by the pod`);
    const part = subPathExpr ? expand(subPathExpr, env) : subPath;
    if (part?.startsWith('/') || part?.split('/').includes('..'))
      throw new NotYetError(`subPath ${JSON.stringify(part)} must be a relative path without ".."`);
    const claimed = claimNameOf(pod, volume) && claimedPath(join(folder, name));
    const outside = claimed ? { path: claimed } : volume.hostPath;
    const whole: Omit<BindMount, 'target'> = outside
      ? hostPath(node, outside.path, outside.type)
      : // Only what an emptyDir holds is the containers' own.
        { source: join(folder, name), readOnly: !volume.emptyDir, base: join(folder, name) };
    const { base = '/' } = whole;
    const path = relative(base, join(whole.source, part ?? ''));
    const source = insideTree(base, path);
    if (!whole.readOnly && !existsSync(source)) mkdirSync(source, { recursive: true });
    return {
      ...(whole.base ? { source: path, base } : { ...whole, source }),
      target: mountPath,
      readOnly: readOnly === true || volume.persistentVolumeClaim?.readOnly === true || whole.readOnly,
    };
  });
}

const isMountPoint = (path: string) => statSync(path).dev !== statSync(dirname(path)).dev;

/** An emptyDir in memory; what a node has is in memory anyway, this one has a limit and a mount of its own. */
async function mountMemory(kernel: Kernel, path: string, limit: string | undefined): Promise<void> {
  const size = limit === undefined ? [] : [`size=${Math.ceil(quantityValue(limit))}`];
  await kernel.run('mount', ['-t', 'tmpfs', '-o', ['mode=0777', ...size].join(','), 'tmpfs', path]);
}

/** `fsGroup`: the group owns everything and may do with files what `mode` says. Upstream: `pkg/volume/volume_linux.go`. */
function giveToGroup(path: string, group: number, mode = 0o660): void {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  try {
    chownSync(path, 0, group);
    for (const entry of entries) {
      const file = join(entry.parentPath, entry.name);
      lchownSync(file, 0, group);
      if (entry.isFile()) chmodSync(file, statSync(file).mode | mode);
    }
  } catch (error) {
    // An ordinary user's lab has a single id, which owns everything: whoever runs there may already.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
  }
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
    `volumes of type ${kind} are not supported; use emptyDir, configMap, secret, projected, downwardAPI, persistentVolumeClaim or hostPath`,
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
    items?: readonly DownwardAPIVolumeFile[];
  },
  place: PodPlace,
): Files {
  return new Map(
    (source.items ?? []).map(({ path, mode, fieldRef, resourceFieldRef }) => {
      const value = fieldRef
        ? fieldValue(pod, fieldRef.fieldPath, place)
        : resourceFieldRef && resourceValue(pod, resourceFieldRef);
      if (value === undefined) {
        const field = fieldRef?.fieldPath ?? resourceFieldRef?.resource ?? '(none)';
        throw new NotYetError(`${path}: unsupported downward API field ${field}`);
      }
      return [path, { content: Buffer.from(value), mode: mode ?? source.defaultMode ?? 0o644 }];
    }),
  );
}
