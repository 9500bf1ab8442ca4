import type { Pod, PodSpec, Toleration } from '../../../../api/types.ts';
import type { WriteContext } from '../../strategy.ts';
import type { PodAdmission } from '../options.ts';
import { admitByLimits } from '../quota/admit-limits.ts';
import { admitPriority } from '../scheduling/admit-priority.ts';
import { qosClassOf } from './qos.ts';
import { admitServiceAccount } from './service-account.ts';

/** Seconds a pod stays on a node that is not ready or not reachable. */
const evictionSeconds = 300;

/**
 * Sets what a client may not, and does what upstream's admission plugins ServiceAccount, Priority,
 * LimitRanger and DefaultTolerationSeconds do. Upstream: `pkg/registry/core/pod/strategy.go`, `plugin/pkg/admission`.
 */
export function preparePod(
  pod: Pod,
  old: Pod | undefined,
  context: WriteContext,
  disabled: readonly PodAdmission[] = [],
): void {
  if (old) {
    if (old.status) pod.status = old.status;
    if (pod.spec && old.spec) keepAdmitted(pod.spec, old.spec);
    return;
  }
  const { spec } = pod;
  if (spec) {
    if (!disabled.includes('ServiceAccount')) admitServiceAccount(pod, context);
    admitPriority(pod, context);
    admitByLimits(pod.metadata?.namespace ?? '', { pod }, context);
  }
  pod.status = { phase: 'Pending', qosClass: qosClassOf(spec) };
  if (spec) spec.tolerations = withDefaultTolerations(spec.tolerations ?? []);
}

/** A client that replaces a pod by what it once created does not know what was added to it. */
function keepAdmitted(spec: PodSpec, before: PodSpec): void {
  for (const field of ['serviceAccountName', 'serviceAccount', 'preemptionPolicy'] as const) {
    if (!spec[field] && before[field]) spec[field] = before[field];
  }
  if (spec.priority === undefined && before.priority !== undefined) spec.priority = before.priority;
  spec.tolerations = withDefaultTolerations(spec.tolerations ?? []);
}

/** A write of the status leaves the class of service and the nodes' own fields alone. */
export function preparePodStatus(pod: Pod, old: Pod): void {
  pod.status ??= {};
  const { status } = pod;
  const qosClass = old.status?.qosClass;
  if (!status.qosClass && qosClass) status.qosClass = qosClass;
}

function withDefaultTolerations(tolerations: Toleration[]): Toleration[] {
  const missing = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].filter(
    (taint) =>
      !tolerations.some(
        ({ key = '', effect = '' }) =>
          (key === taint || key === '') && (effect === 'NoExecute' || effect === ''),
      ),
  );
  return [
    ...tolerations,
    ...missing.map((key) => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: evictionSeconds,
    })),
  ];
}
