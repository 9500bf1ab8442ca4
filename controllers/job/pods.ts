import type { Container, Job, Pod } from '../../api/types.ts';
import { isPodTerminal } from '../pod.ts';
import { podFromTemplate } from '../pod-control.ts';
import { indexFailureKey, indexKey } from './indexes.ts';

/** Keeps a pod until it is counted in the Job's status. Upstream: `JobTrackingFinalizer` (KEP-2307). */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';

export const isTracked = ({ metadata }: Pod): boolean =>
  metadata?.finalizers?.includes(trackingFinalizer) ?? false;

export const isIndexed = ({ spec }: Job): boolean => spec?.completionMode === 'Indexed';

export const isTerminating = (pod: Pod): boolean =>
  pod.metadata?.deletionTimestamp !== undefined && !isPodTerminal(pod);

/** Failed, or on its way out without having succeeded. Upstream: isPodFailed. */
export function hasFailed(job: Job, { metadata, status }: Pod): boolean {
  if (status?.phase === 'Failed') return true;
  if (metadata?.deletionTimestamp === undefined) return false;
  return job.spec?.podReplacementPolicy === 'Failed'
    ? status?.phase === 'Pending'
    : status?.phase !== 'Succeeded';
}

/** One more pod of a Job; `index` (of an Indexed Job) makes its host name and its environment. */
export function jobPod(job: Job, index: number | undefined, failures: number): Pod {
  const pod = podFromTemplate(job, job.spec?.template);
  const finalizers = [...(pod.metadata?.finalizers ?? []), trackingFinalizer];
  const metadata = { ...pod.metadata, finalizers };
  if (index === undefined) return { ...pod, metadata };
  const name = `${job.metadata?.name}-${index}`;
  const counted = job.spec?.backoffLimitPerIndex === undefined ? {} : { [indexFailureKey]: `${failures}` };
  const spec = pod.spec ?? { containers: [] };
  return {
    ...pod,
    metadata: {
      ...metadata,
      generateName: `${name}-`,
      labels: { ...metadata.labels, [indexKey]: `${index}` },
      annotations: { ...metadata.annotations, [indexKey]: `${index}`, ...counted },
    },
    spec: {
      ...spec,
      hostname: name,
      containers: spec.containers.map(withIndex),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(withIndex) } : {}),
    },
  };
}

function withIndex(container: Container): Container {
  const name = 'JOB_COMPLETION_INDEX';
  if (container.env?.some((variable) => variable.name === name)) return container;
  const fieldRef = { fieldPath: `metadata.annotations['${indexKey}']` };
  return { ...container, env: [...(container.env ?? []), { name, valueFrom: { fieldRef } }] };
}
