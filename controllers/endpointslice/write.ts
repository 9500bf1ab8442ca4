import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { EndpointSlice } from '../../api/types.ts';
import type { ControllerContext } from '../context.ts';
import { isNamespaceEnding } from '../events.ts';
import { untilGone, untilSeen } from '../seen.ts';

/** Writes one slice and waits until the informer shows it: slices have generated names, so none may be made twice. */
export async function writeSlice(
  { client, informers }: ControllerContext,
  verb: 'create' | 'update' | 'delete',
  slice: EndpointSlice,
): Promise<void> {
  const { name = '', namespace = '' } = slice.metadata ?? {};
  try {
    if (verb === 'delete') {
      await client.delete(resources.endpointslices, { name, namespace });
      await untilGone(informers.endpointslices, slice);
    } else {
      await untilSeen(informers.endpointslices, await client[verb](resources.endpointslices, slice));
    }
  } catch (error) {
    const moot =
      verb === 'delete' ? hasReason(error, 'NotFound') : verb === 'create' && isNamespaceEnding(error);
    if (!moot) throw error;
  }
}
