import { resources } from '../../../../api/scheme.ts';
import type { Deployment, DeploymentSpec, RollingUpdateDeployment } from '../../../../api/types.ts';
import { deploymentColumns } from '../../../table/columns/workloads.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { forbidden, invalid, nonNegative, notSupported, required } from '../validation/field.ts';
import { isZero, validateAtMostAll, validateShare } from './share.ts';
import { setTemplateDefaults, validateWorkload } from './template.ts';

/** Upstream: `pkg/apis/apps/v1/defaults.go`, `pkg/apis/apps/validation/validation.go`. */
export const deploymentStrategy: Strategy<Deployment> = {
  resource: resources.deployments,
  defaults({ spec }) {
    if (!spec) return;
    setTemplateDefaults(spec.template);
    spec.replicas ??= 1;
    spec.strategy ??= {};
    spec.strategy.type ||= 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate = {
        maxUnavailable: '25%',
        maxSurge: '25%',
        ...spec.strategy.rollingUpdate,
      };
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
  },
  // Upstream: `deploymentStatusStrategy`, the only one that gives nobody the labels.
  prepareStatus(deployment, { metadata }) {
    const { labels: _, ...rest } = deployment.metadata ?? {};
    deployment.metadata = { ...rest, ...(metadata?.labels ? { labels: metadata.labels } : {}) };
  },
  prepare(deployment, old) {
    deployment.status = old?.status ?? {};
  },
  validate(deployment, old) {
    const spec: Partial<DeploymentSpec> = deployment.spec ?? {};
    return [
      ...validateWorkload('Deployment', spec, old && (old.spec ?? {})),
      ...validateStrategy(spec),
      ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
      ...validateDeadline(spec),
    ];
  },
  columns: deploymentColumns,
};

function validateDeadline({
  progressDeadlineSeconds: deadline,
  minReadySeconds = 0,
}: Partial<DeploymentSpec>): FieldError[] {
  const field = 'spec.progressDeadlineSeconds';
  if (deadline === undefined) return [];
  const errors = nonNegative(field, deadline);
  if (deadline <= minReadySeconds)
    errors.push(invalid(field, deadline, 'must be greater than minReadySeconds'));
  return errors;
}

function validateStrategy({ strategy = {} }: Partial<DeploymentSpec>): FieldError[] {
  const { type = '', rollingUpdate } = strategy;
  const field = 'spec.strategy.rollingUpdate';
  if (type === 'Recreate') {
    if (!rollingUpdate) return [];
    return [forbidden(field, "may not be specified when strategy `type` is 'Recreate'")];
  }
  if (type !== 'RollingUpdate')
    return [notSupported('spec.strategy.type', type, ['Recreate', 'RollingUpdate'])];
  if (!rollingUpdate) return [required(field, 'this should be defaulted and never be nil')];
  return validateRollingUpdate(field, rollingUpdate);
}

function validateRollingUpdate(
  path: string,
  { maxUnavailable = 0, maxSurge = 0 }: RollingUpdateDeployment,
): FieldError[] {
  const errors = [
    ...validateShare(`${path}.maxUnavailable`, maxUnavailable),
    ...validateShare(`${path}.maxSurge`, maxSurge),
  ];
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    errors.push(invalid(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  errors.push(...validateAtMostAll(`${path}.maxUnavailable`, maxUnavailable));
  return errors;
}
