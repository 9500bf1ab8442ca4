import type { KubeObject } from './object.ts';
import { quantityValue } from './quantity.ts';
import type { Resource } from './scheme.ts';
import type {
  Container,
  PersistentVolumeClaim,
  Pod,
  PodAffinityTerm,
  PodSpec,
  ResourceQuota,
  Service,
} from './types.ts';

/** Amounts by the names that quotas have for them: `pods`, `requests.cpu`, `count/deployments.apps`. */
export type Usage = Record<string, number>;

/** Kinds that quotas count under their plain plural, too. */
const plain: readonly string[] = [
  ...['pods', 'services', 'secrets', 'configmaps', 'persistentvolumeclaims'],
  ...['replicationcontrollers', 'resourcequotas'],
];

/** What one object uses. Upstream: `pkg/quota/v1/evaluator/core`. */
export function usageOf({ group, name }: Resource, object: KubeObject): Usage {
  const usage: Usage = { [`count/${group ? `${name}.${group}` : name}`]: 1 };
  if (group !== '') return usage;
  if (name === 'pods' && !isCounted(object)) return usage;
  if (plain.includes(name)) usage[name] = 1;
  if (name === 'pods') Object.assign(usage, podUsage(object));
  else if (name === 'services') Object.assign(usage, serviceUsage(object));
  else if (name === 'persistentvolumeclaims') Object.assign(usage, claimUsage(object));
  return usage;
}

/** Pods that ended take nothing any more. */
function isCounted({ status }: Pod): boolean {
  return status?.phase !== 'Failed' && status?.phase !== 'Succeeded';
}

function podUsage({ spec }: Pod): Usage {
  const usage: Usage = {};
  for (const part of ['requests', 'limits'] as const) {
    for (const [name, amount] of Object.entries(podTotal(spec, part))) {
      usage[`${part}.${name}`] = amount;
      if (part === 'requests') usage[name] = amount;
    }
  }
  return usage;
}

/**
 * Containers run together, sidecars beside them, init containers one by one before them, with the sidecars that were
 * started by then; and what the pod's runtime takes on top. Upstream: `k8s.io/component-helpers/resource` PodRequests.
 */
export function podTotal(spec: PodSpec | undefined, part: 'requests' | 'limits'): Usage {
  const { containers = [], initContainers = [], overhead = {} } = spec ?? {};
  const total: Usage = {};
  const sidecars: Usage = {};
  const most: Usage = {};
  const amounts = (of: Container) => Object.entries<string>(of.resources?.[part] ?? {});
  const add = (to: Usage, list: [string, string][]) => {
    for (const [name, text] of list) to[name] = (to[name] ?? 0) + quantityValue(text);
  };
  for (const container of containers) add(total, amounts(container));
  for (const container of initContainers) {
    let together = { ...sidecars };
    add(together, amounts(container));
    if (container.restartPolicy === 'Always') {
      add(total, amounts(container));
      add(sidecars, amounts(container));
      together = sidecars;
    }
    for (const [name, amount] of Object.entries(together)) most[name] = Math.max(most[name] ?? 0, amount);
  }
  for (const [name, amount] of Object.entries(most)) total[name] = Math.max(total[name] ?? 0, amount);
  // A limit that nobody set is none, whatever comes on top.
  add(
    total,
    Object.entries<string>(overhead).filter(([name]) => part === 'requests' || total[name] !== undefined),
  );
  return total;
}

function serviceUsage({ spec }: Service): Usage {
  const { type, ports = [], allocateLoadBalancerNodePorts = true } = spec ?? {};
  const balanced = type === 'LoadBalancer';
  const opened = type === 'NodePort' || (balanced && allocateLoadBalancerNodePorts);
  const given = balanced ? ports.filter(({ nodePort }) => nodePort).length : 0;
  return {
    'services.nodeports': opened ? ports.length : given,
    'services.loadbalancers': balanced ? 1 : 0,
  };
}

function claimUsage({ spec }: PersistentVolumeClaim): Usage {
  const amount = quantityValue(spec?.resources?.requests?.storage ?? '0');
  const { storageClassName: name } = spec ?? {};
  return {
    'requests.storage': amount,
    ...(name
      ? {
          [`${name}.storageclass.storage.k8s.io/requests.storage`]: amount,
          [`${name}.storageclass.storage.k8s.io/persistentvolumeclaims`]: 1,
        }
      : {}),
  };
}

/** Whether a quota is about an object: one with scopes only about the pods that are in all of them. */
export function isMeant({ spec }: ResourceQuota, { group, name }: Resource, object: KubeObject): boolean {
  const expressions = [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists', values: [] as string[] })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
  if (expressions.length === 0) return true;
  if (group !== '' || name !== 'pods') return false;
  const pod: Pod = object;
  return expressions.every(({ scopeName, operator, values = [] }) => {
    switch (scopeName) {
      case 'Terminating':
        return pod.spec?.activeDeadlineSeconds !== undefined;
      case 'NotTerminating':
        return pod.spec?.activeDeadlineSeconds === undefined;
      case 'BestEffort':
        return pod.status?.qosClass === 'BestEffort';
      case 'NotBestEffort':
        return pod.status?.qosClass !== 'BestEffort';
      case 'PriorityClass':
        return isAmong(pod.spec?.priorityClassName ?? '', operator, values);
      case 'CrossNamespacePodAffinity':
        return looksElsewhere(pod);
      default:
        return false;
    }
  });
}

/** Whether a pod wants to be near, or far from, pods of other namespaces. Upstream: `usesCrossNamespacePodAffinity`. */
function looksElsewhere({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((one): PodAffinityTerm[] => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm }) => podAffinityTerm,
    ),
  ]);
  return terms.some(
    ({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector !== undefined,
  );
}

function isAmong(name: string, operator: string, values: readonly string[]): boolean {
  if (operator === 'In') return values.includes(name);
  if (operator === 'NotIn') return !values.includes(name);
  return (operator === 'Exists') === (name !== '');
}

/** The kinds that the names of a quota count. */
export function countedKinds({ spec }: ResourceQuota, known: readonly Resource[]): Resource[] {
  const names = Object.keys(spec?.hard ?? {});
  const counts = (resource: Resource) => {
    const full = resource.group ? `${resource.name}.${resource.group}` : resource.name;
    if (names.includes(`count/${full}`)) return true;
    if (resource.group !== '') return false;
    if (resource.name === 'pods') return names.some((name) => name === 'pods' || isCompute(name));
    if (resource.name === 'services') return names.some((name) => /^services(\.|$)/.test(name));
    if (resource.name === 'persistentvolumeclaims') {
      return names.some((name) => /(^|\/)(persistentvolumeclaims|requests\.storage)$/.test(name));
    }
    return plain.includes(resource.name) && names.includes(resource.name);
  };
  return known.filter((resource) => resource.namespaced && counts(resource));
}

const isCompute = (name: string): boolean =>
  /^((requests|limits)\.)?(cpu|memory|ephemeral-storage|hugepages-.+|.+\/.+)$/.test(name) &&
  !name.startsWith('count/') &&
  !name.includes('.storageclass.storage.k8s.io/');

/** `0.25` → `250m`; bytes in powers of 1024 where they are whole: `128Mi`. */
export function formatAmount(name: string, amount: number): string {
  if (!Number.isInteger(amount)) return `${Math.round(amount * 1000)}m`;
  if (!/memory|storage$|hugepages/.test(name) || amount === 0) return String(amount);
  const suffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];
  let [value, power] = [amount, 0];
  while (value % 1024 === 0 && power < suffixes.length - 1) {
    value /= 1024;
    power++;
  }
  return `${value}${suffixes[power]}`;
}
