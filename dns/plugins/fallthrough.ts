import { fqdn, isSubdomain } from '../wire/names.ts';

/** The `fallthrough [ZONES…]` option: which names go on to the next plugin when this one does not have them. */
export interface Fallthrough {
  through(name: string): boolean;
}

/** `undefined` where the option is absent; no zones are all of them. */
export function createFallthrough(zones: readonly string[] | undefined): Fallthrough {
  if (!zones) return { through: () => false };
  const normal = zones.map((zone) => fqdn(zone).toLowerCase());
  return { through: (name) => normal.length === 0 || normal.some((zone) => isSubdomain(zone, name)) };
}
