import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf } from '../../api/scheme.ts';
import type { ManagedFieldsEntry, Scale } from '../../api/types.ts';
import { entriesAfterScale, entriesOfScale, type ReplicasPath } from '../apply/scale.ts';
import { scaleWrite } from '../apply/write.ts';
import type { CustomRules } from '../registry/strategy.ts';
import { readApply } from './fields.ts';
import type { Call } from './objects.ts';

/**
 * Applies a configuration to the subresource `scale`: what it makes of a Scale, which holds in `managedFields` the
 * entries that the scaled object is to have. @throws StatusError before anything is read
 */
export async function scaleApplication(
  call: Call,
  custom: CustomRules | undefined,
): Promise<(scale: Scale, scaled: KubeObject) => Scale> {
  const { resource, as = resource } = call.target;
  const { apply, write } = await readApply(call, custom);
  return (scale, { metadata = {} }) => {
    const target = write(new Date());
    const pathIn = replicasPath(custom, target.serves);
    const before = metadata.managedFields as ManagedFieldsEntry[] | undefined;
    const managedFields = entriesOfScale(before, pathIn) as ManagedFieldsEntry[] | undefined;
    const live = { ...scale, metadata: { ...scale.metadata, ...(managedFields ? { managedFields } : {}) } };
    const applied = apply(scaleWrite(target), live) as Scale;
    const entries = entriesAfterScale(before, applied.metadata?.managedFields, pathIn, apiVersionOf(as));
    return { ...applied, metadata: { ...applied.metadata, managedFields: [...(entries ?? [])] } };
  };
}

function replicasPath(custom: CustomRules | undefined, serves: (version: string) => boolean): ReplicasPath {
  const { scale } = custom ?? {};
  return (apiVersion) => {
    if (!serves(apiVersion)) return undefined;
    if (!scale) return ['f:spec', 'f:replicas'];
    return scale.pathIn(apiVersion)?.map((name) => `f:${name}`) ?? null;
  };
}
