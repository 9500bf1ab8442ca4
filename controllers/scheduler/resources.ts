import type { Pod } from '../../api/types.ts';

/** Amounts by resource name: cpu in cores, memory in bytes, the rest in units. */
export type Amounts = Record<string, number>;

const suffixes: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A Kubernetes quantity (`100m`, `64Mi`, `1e3`) as a number. Upstream: apimachinery `resource.Quantity`. */
export function parseQuantity(text: string | number): number {
  const match = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([numkKMGTPE]?i?)$/.exec(String(text).trim());
  const factor = match?.[2] === undefined ? undefined : suffixes[match[2]];
  if (!match || factor === undefined)
    throw new Error(`invalid quantity ${JSON.stringify(text)}: use a form like 100m, 1.5 or 64Mi`);
  return Number(match[1]) * factor;
}

export function parseAmounts(quantities: Record<string, string> | undefined): Amounts {
  return Object.fromEntries(
    Object.entries(quantities ?? {}).map(([name, text]) => [name, parseQuantity(text)]),
  );
}

/**
 * What a pod requests: the sum of its containers and restarting init containers, at least what any init
 * container needs while it runs, and the overhead. Upstream: `component-helpers/resource` PodRequests.
 */
export function podRequests(pod: Pod): Amounts {
  let requests = known.get(pod);
  if (!requests) {
    requests = sumRequests(pod);
    known.set(pod, requests);
  }
  return requests;
}

/** Pods in the cache are never modified, and every decision adds up those of all nodes. */
const known = new WeakMap<Pod, Amounts>();

function sumRequests({ spec }: Pod): Amounts {
  const total: Amounts = {};
  for (const container of spec?.containers ?? []) add(total, parseAmounts(container.resources?.requests));
  const sidecars: Amounts = {};
  const peak: Amounts = {};
  for (const container of spec?.initContainers ?? []) {
    const requests = parseAmounts(container.resources?.requests);
    if (container.restartPolicy === 'Always') {
      add(sidecars, requests);
      raise(peak, sidecars);
    } else {
      const running = { ...sidecars };
      add(running, requests);
      raise(peak, running);
    }
  }
  add(total, sidecars);
  raise(total, peak);
  add(total, parseAmounts(spec?.overhead));
  return total;
}

function add(to: Amounts, amounts: Amounts): void {
  for (const name in amounts) to[name] = (to[name] ?? 0) + (amounts[name] ?? 0);
}

function raise(to: Amounts, amounts: Amounts): void {
  for (const name in amounts) to[name] = Math.max(to[name] ?? 0, amounts[name] ?? 0);
}
