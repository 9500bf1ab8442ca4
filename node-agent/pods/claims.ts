import { chmodSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Client } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { Pod, Volume } from '../../api/types.ts';
import { hostPath, type NodeFiles } from './host-path.ts';
import { NotYetError } from './sources.ts';

/** The claim behind a volume of a pod, or undefined; an `ephemeral` volume's is named after the pod. */
export function claimNameOf(
  pod: Pod,
  { name, persistentVolumeClaim, ephemeral }: Volume,
): string | undefined {
  return persistentVolumeClaim?.claimName ?? (ephemeral ? `${pod.metadata?.name}-${name}` : undefined);
}

/**
 * Finds the folder of a claim's volume on this node, makes it when it is not there, and leaves a link at `link` that
 * says where it is.
 *
 * @throws {NotYetError} while the claim is not bound, or to a volume that is no folder of a node
 */
export async function prepareClaim(
  client: Client,
  { namespace, name, link }: { namespace: string; name: string; link: string },
  place: NodeFiles,
): Promise<void> {
  const claim = await ask(client.get(resources.persistentvolumeclaims, { namespace, name }), name);
  const { volumeName } = claim.spec ?? {};
  if (!volumeName || claim.status?.phase !== 'Bound') {
    throw new NotYetError(`persistentvolumeclaim ${JSON.stringify(name)} is not bound to a volume yet`);
  }
  const volume = await ask(client.get(resources.persistentvolumes, { name: volumeName }), volumeName);
  const { hostPath: source, local } = volume.spec ?? {};
  const path = source?.path ?? local?.path;
  if (path === undefined) {
    throw new NotYetError(
      `persistentvolume ${volumeName} is neither of type hostPath nor local: no other can be mounted`,
    );
  }
  const made = hostPath(place, path, local ? 'Directory' : source?.type);
  // Whoever runs in the pod shall write there; as rancher's local-path-provisioner does.
  if (volume.metadata?.annotations?.['pv.kubernetes.io/provisioned-by']) chmodSync(made.source, 0o777);
  mkdirSync(dirname(link), { recursive: true });
  if (claimedPath(link) === path) return;
  rmSync(link, { force: true });
  symlinkSync(path, link);
}

/** What {@link prepareClaim} found, a path on the node; undefined before. */
export function claimedPath(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function ask<T>(answer: Promise<T>, name: string): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Forbidden')) throw error;
    throw new NotYetError(`${JSON.stringify(name)} cannot be read: ${error.message}`, { cause: error });
  }
}
