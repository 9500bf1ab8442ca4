import { join } from 'node:path';
import type { ClusterSpec } from './spec.ts';

/** Where a node's process notes which dataplane is in force, as {@link settingsText} has it; one line. */
export const dataplaneFile = (runDir: string): string => join(runDir, 'dataplane');

/** Everything that makes one dataplane another than the one before. */
export function settingsText({ dataplane, nftablesLayout, emulatedVersion }: ClusterSpec): string {
  return JSON.stringify({ dataplane, nftablesLayout, emulatedVersion });
}
