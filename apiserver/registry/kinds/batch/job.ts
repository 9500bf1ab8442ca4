import { resources } from '../../../../api/scheme.ts';
import type { Job } from '../../../../api/types.ts';
import { jobColumns } from '../../../table/columns/batch.ts';
import type { Strategy } from '../../strategy.ts';
import { setPodSpecDefaults } from '../pod/defaults.ts';
import { validateJobChange, validateJobSpec } from './validate-job.ts';

/** Upstream: `pkg/apis/batch/v1/defaults.go`, `pkg/registry/batch/job/strategy.go`. */
export const jobStrategy: Strategy<Job> = {
  resource: resources.jobs,
  defaults({ metadata, spec }) {
    if (!spec) return;
    if (spec.template?.spec) setPodSpecDefaults(spec.template.spec);
    if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
    spec.parallelism ??= 1;
    spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1;
    spec.completionMode ||= 'NonIndexed';
    spec.suspend ??= false;
    spec.podReplacementPolicy ||= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
    for (const { onPodConditions = [] } of spec.podFailurePolicy?.rules ?? []) {
      for (const pattern of onPodConditions) pattern.status ||= 'True';
    }
    const labels = spec.template?.metadata?.labels;
    if (metadata && labels && Object.keys(metadata.labels ?? {}).length === 0) {
      metadata.labels = { ...labels };
    }
  },
  prepare(job, old) {
    job.status = old?.status ?? {};
    if (old) return;
    if (!job.spec?.manualSelector) generateSelector(job);
  },
  validate: (job, old) => [
    ...validateJobSpec('spec', job.spec, true),
    ...(old ? validateJobChange(job, old) : []),
  ],
  selectableFields: ({ status }) => ({ 'status.successful': String(status?.succeeded ?? 0) }),
  columns: jobColumns,
};

/** Labels that nobody else's pods have. Upstream: `generateSelector`. */
function generateSelector({ metadata, spec }: Job): void {
  if (!spec?.template) return;
  const { uid = '', name = '' } = metadata ?? {};
  spec.template.metadata ??= {};
  spec.template.metadata.labels = {
    ...spec.template.metadata.labels,
    'controller-uid': uid,
    'job-name': name,
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
  };
  spec.selector = {
    ...spec.selector,
    matchLabels: { ...spec.selector?.matchLabels, 'batch.kubernetes.io/controller-uid': uid },
  };
}
