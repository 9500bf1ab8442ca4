import { join } from 'node:path';
import { packageRoot } from '../kernel/package-root.ts';
import type { ComponentSpec } from './spec.ts';

/** The component of a lab that others are connected to. */
export const linkName = 'link';

/**
 * A cable between the underlays of labs, see link.pl: the lab whose state directory it is listens, another connects. Nodes
 * of both are then on one network, so no two may have one address.
 */
export function linkComponent(mode: 'listen' | 'connect', stateDir: string): ComponentSpec {
  const script = join(packageRoot, 'lab/link.pl');
  return { name: linkName, command: ['perl', script, mode, join(stateDir, 'link.sock')] };
}
