import { quantityValue } from '../../../../api/quantity.ts';
import { podTotal } from '../../../../api/quota.ts';
import { type Resource, resources } from '../../../../api/scheme.ts';
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  ResourceRequirements,
} from '../../../../api/types.ts';
import { forbidden } from '../../pipeline/failures.ts';
import type { WriteContext } from '../../strategy.ts';

type Amounts = Record<string, string>;

/**
 * Gives containers what the namespace's LimitRanges say by default, and refuses what lies outside of them.
 * Upstream: `plugin/pkg/admission/limitranger`.
 *
 * @throws StatusError Forbidden, naming everything that is wrong
 */
export function admitByLimits(
  namespace: string,
  { pod, claim }: { pod?: Pod; claim?: PersistentVolumeClaim },
  { lookup }: WriteContext,
): void {
  for (const range of lookup.list<LimitRange>(resources.limitranges, namespace)) {
    const items = range.spec?.limits ?? [];
    if (pod) setDefaults(items, pod);
    const problems = items.flatMap((item) =>
      pod ? checkPod(item, pod) : claim ? checkClaim(item, claim) : [],
    );
    if (problems.length === 0) continue;
    const resource: Resource = pod ? resources.pods : resources.persistentvolumeclaims;
    const name = (pod ?? claim)?.metadata?.name ?? '';
    throw forbidden(resource, name, problems.length === 1 ? `${problems[0]}` : `[${problems.join(', ')}]`);
  }
}

function setDefaults(items: readonly LimitRangeItem[], pod: Pod): void {
  const [limits, requests] = (['default', 'defaultRequest'] as const).map((part) =>
    Object.assign({}, ...items.filter(({ type }) => type === 'Container').map((item) => item[part])),
  ) as [Amounts, Amounts];
  const notes = [
    ...(pod.spec?.containers ?? []).map((container) => fill(container, 'container', limits, requests)),
    ...(pod.spec?.initContainers ?? []).map((container) =>
      fill(container, 'init container', limits, requests),
    ),
  ].flat();
  if (notes.length === 0) return;
  const note = `LimitRanger plugin set: ${notes.join('; ')}`;
  const annotations = { ...pod.metadata?.annotations, 'kubernetes.io/limit-ranger': note };
  pod.metadata = { ...pod.metadata, annotations };
}

/** What was set, in words. */
function fill(container: Container, what: string, limits: Amounts, requests: Amounts): string[] {
  const own: ResourceRequirements = container.resources ?? {};
  const missing = (from: Amounts, present: Amounts = {}) =>
    Object.entries(from).filter(([name]) => !(name in present));
  const newLimits = missing(limits, own.limits);
  // A limit that is said is a request, too; that was so before.
  const newRequests = missing(requests, { ...own.limits, ...own.requests });
  if (newLimits.length + newRequests.length === 0) return [];
  container.resources = {
    ...own,
    ...(newLimits.length || own.limits
      ? { limits: { ...own.limits, ...Object.fromEntries(newLimits) } }
      : {}),
    ...(newRequests.length || own.requests
      ? { requests: { ...own.requests, ...Object.fromEntries(newRequests) } }
      : {}),
  };
  const words = (list: [string, string][]) =>
    list
      .map(([name]) => name)
      .sort()
      .join(', ');
  return [
    ...(newRequests.length ? [`${words(newRequests)} request for ${what} ${container.name}`] : []),
    ...(newLimits.length ? [`${words(newLimits)} limit for ${what} ${container.name}`] : []),
  ];
}

function checkPod(item: LimitRangeItem, { spec }: Pod): string[] {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  if (item.type === 'Container') {
    return containers.flatMap(({ resources: own = {} }) => check(item, own.requests ?? {}, own.limits ?? {}));
  }
  if (item.type !== 'Pod') return [];
  const sum = (part: 'requests' | 'limits') =>
    Object.fromEntries(
      Object.entries(podTotal({ ...spec, overhead: {}, containers: spec?.containers ?? [] }, part)).map(
        ([name, amount]) => [name, formatted(amount)],
      ),
    );
  return check(item, sum('requests'), sum('limits'));
}

const formatted = (amount: number): string =>
  Number.isInteger(amount) ? String(amount) : `${Math.round(amount * 1000)}m`;

function check(
  { type, min = {}, max = {}, maxLimitRequestRatio = {} }: LimitRangeItem,
  requests: Amounts,
  limits: Amounts,
): string[] {
  const problems: string[] = [];
  for (const [name, least] of Object.entries(min)) {
    const [request, limit] = [requests[name], limits[name]];
    const head = `minimum ${name} usage per ${type} is ${least}`;
    if (request === undefined) problems.push(`${head}.  No request is specified`);
    else if (quantityValue(request) < quantityValue(least))
      problems.push(`${head}, but request is ${request}`);
    else if (limit !== undefined && quantityValue(limit) < quantityValue(least)) {
      problems.push(`${head}, but limit is ${limit}`);
    }
  }
  for (const [name, most] of Object.entries(max)) {
    const [request, limit] = [requests[name], limits[name]];
    const head = `maximum ${name} usage per ${type} is ${most}`;
    if (limit === undefined) problems.push(`${head}.  No limit is specified`);
    else if (quantityValue(limit) > quantityValue(most)) problems.push(`${head}, but limit is ${limit}`);
    else if (request !== undefined && quantityValue(request) > quantityValue(most)) {
      problems.push(`${head}, but request is ${request}`);
    }
  }
  for (const [name, ratio] of Object.entries(maxLimitRequestRatio)) {
    const [request, limit] = [quantityValue(requests[name] ?? ''), quantityValue(limits[name] ?? '')];
    const head = `${name} max limit to request ratio per ${type} is ${ratio}`;
    if (!request) problems.push(`${head}, but no request is specified or request is 0`);
    else if (!limit) problems.push(`${head}, but no limit is specified or limit is 0`);
    else if (limit / request > quantityValue(ratio)) {
      problems.push(`${head}, but provided ratio is ${(limit / request).toFixed(6)}`);
    }
  }
  return problems;
}

function checkClaim({ type, min = {}, max = {} }: LimitRangeItem, { spec }: PersistentVolumeClaim): string[] {
  if (type !== 'PersistentVolumeClaim') return [];
  const requests: Amounts = spec?.resources?.requests ?? {};
  return [
    ...Object.entries<string>(min).map((bound) => ['minimum', ...bound, -1] as const),
    ...Object.entries<string>(max).map((bound) => ['maximum', ...bound, 1] as const),
  ].flatMap(([what, name, bound, sign]) => {
    const request = requests[name];
    const head = `${what} ${name} usage per ${type} is ${bound}`;
    if (request === undefined) return [`${head}.  No request is specified`];
    return sign * (quantityValue(request) - quantityValue(bound)) > 0
      ? [`${head}, but request is ${request}`]
      : [];
  });
}
