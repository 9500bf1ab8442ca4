import type { Deployment } from '../../api/types.ts';
import { hasProgressDeadline, newCondition, setCondition } from './status.ts';

/** Pausing and resuming restart the progress deadline. Upstream: checkPausedConditions. */
export function withPausedCondition(deployment: Deployment, now: Date): Deployment {
  const reason = deployment.status?.conditions?.find(({ type }) => type === 'Progressing')?.reason;
  if (!hasProgressDeadline(deployment) || reason === 'ProgressDeadlineExceeded') return deployment;
  const paused = reason === 'DeploymentPaused';
  if (deployment.spec?.paused && !paused) {
    return withCondition(deployment, 'Unknown', 'DeploymentPaused', 'Deployment is paused', now);
  }
  if (!deployment.spec?.paused && paused) {
    return withCondition(deployment, 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now);
  }
  return deployment;
}

/** The Deployment with another Progressing condition in its status. */
export function withCondition(
  deployment: Deployment,
  status: 'True' | 'False' | 'Unknown',
  reason: string,
  message: string,
  now: Date,
): Deployment {
  const condition = newCondition('Progressing', status, reason, message, now);
  const conditions = setCondition(deployment.status?.conditions ?? [], condition);
  return { ...deployment, status: { ...deployment.status, conditions } };
}
