import type { Strategy } from '../strategy.ts';

export interface KindOptions {
  /** One CIDR a family, the first is the primary: `10.96.0.0/12`. */
  serviceCidrs: readonly string[];
  /** `30000-32767`. */
  serviceNodePortRange: string;
}

/** The strategies of all kinds that have rules of their own; stub. */
export function createStrategies(_options: KindOptions): Strategy[] {
  return [];
}
