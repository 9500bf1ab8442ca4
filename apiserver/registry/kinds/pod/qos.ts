import type { PodSpec } from '../../../../api/types.ts';
import { quantityValue } from '../../../schema/quantity.ts';

const counted = ['cpu', 'memory'];

/** `Guaranteed`, `Burstable` or `BestEffort`. Upstream: `pkg/apis/core/helper/qos`. */
export function qosClassOf(spec: PodSpec | undefined): string {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const amounts = containers.map(({ resources }) => ({
    limits: positive(resources?.limits),
    requests: positive(resources?.requests),
  }));
  if (amounts.every(({ limits, requests }) => limits.size === 0 && requests.size === 0)) return 'BestEffort';
  const guaranteed = amounts.every(({ limits, requests }) =>
    counted.every((name) => {
      const limit = limits.get(name);
      return limit !== undefined && (requests.get(name) ?? limit) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function positive(list: Record<string, string> | undefined): Map<string, number> {
  const amounts = Object.entries(list ?? {}).map(([name, text]): [string, number] => [
    name,
    quantityValue(text),
  ]);
  return new Map(amounts.filter(([name, value]) => counted.includes(name) && value > 0));
}
