/** Labels of Kubernetes' own that a node may say of itself. Upstream: `kubelet/pkg/apis/well_known_labels.go`. */
const own: readonly string[] = [
  ...['kubernetes.io/hostname', 'kubernetes.io/arch', 'kubernetes.io/os'],
  ...['beta.kubernetes.io/arch', 'beta.kubernetes.io/os', 'beta.kubernetes.io/instance-type'],
  ...['node.kubernetes.io/instance-type', 'topology.kubernetes.io/zone', 'topology.kubernetes.io/region'],
  ...['failure-domain.beta.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/region'],
];

const ownDomains = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const systemDomains = ['kubernetes.io', 'k8s.io'];
const restrictedDomain = 'node-restriction.kubernetes.io';

type Labels = Readonly<Record<string, string>>;

/**
 * Which labels that are new, gone or another a node may not touch: it could draw pods to itself with them.
 * Upstream: `getForbiddenLabels` of `plugin/pkg/admission/noderestriction`.
 */
export function forbiddenLabels(labels: Labels = {}, old: Labels = {}): string[] {
  const keys = new Set([...Object.keys(labels), ...Object.keys(old)]);
  return [...keys].filter((key) => labels[key] !== old[key] && isForbidden(key)).sort();
}

function isForbidden(key: string): boolean {
  const domain = key.includes('/') ? key.slice(0, key.indexOf('/')) : '';
  const within = (parent: string) => domain === parent || domain.endsWith(`.${parent}`);
  if (within(restrictedDomain)) return true;
  return systemDomains.some(within) && !own.includes(key) && !ownDomains.some(within);
}
