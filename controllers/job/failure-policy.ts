import type { Job, Pod, PodFailurePolicyRule } from '../../api/types.ts';

/** What `spec.podFailurePolicy` makes of a failed pod; `message` for `FailJob`. */
export interface FailureVerdict {
  action: string;
  message: string;
}

/** The first rule that a failed pod matches; without one it counts. Upstream: `pkg/controller/job/pod_failure_policy.go`. */
export function judgeFailure(job: Job, pod: Pod): FailureVerdict {
  for (const [index, rule] of (job.spec?.podFailurePolicy?.rules ?? []).entries()) {
    const what = matchExitCode(rule, pod) ?? matchCondition(rule, pod);
    if (what)
      return { action: rule.action, message: `${what} matching ${rule.action} rule at index ${index}` };
  }
  return { action: 'Count', message: '' };
}

function matchExitCode({ onExitCodes }: PodFailurePolicyRule, pod: Pod): string | undefined {
  if (!onExitCodes) return undefined;
  const { containerName, operator, values } = onExitCodes;
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  for (const { name, state } of [...containerStatuses, ...initContainerStatuses]) {
    const code = state?.terminated?.exitCode;
    // A container that ended well is no failure, whatever the values.
    if (!code || (containerName && containerName !== name)) continue;
    if (values.includes(code) === (operator === 'In')) {
      return `Container ${name} for pod ${pod.metadata?.namespace}/${pod.metadata?.name} failed with exit code ${code}`;
    }
  }
  return undefined;
}

function matchCondition({ onPodConditions = [] }: PodFailurePolicyRule, pod: Pod): string | undefined {
  for (const { type, status = 'True' } of onPodConditions) {
    if (pod.status?.conditions?.some((one) => one.type === type && one.status === status)) {
      return `Pod ${pod.metadata?.namespace}/${pod.metadata?.name} has condition ${type}`;
    }
  }
  return undefined;
}
