import type { CronJob, Job } from '../types.ts';
import { betaUntil125, row } from './row.ts';

/** Kinds of `batch/v1`: pods that end. */
export const batchKinds = {
  jobs: row<Job>({
    group: 'batch',
    name: 'jobs',
    kind: 'Job',
    namespaced: true,
    categories: ['all'],
    status: true,
  }),
  cronjobs: row<CronJob>({
    group: 'batch',
    name: 'cronjobs',
    kind: 'CronJob',
    namespaced: true,
    shortNames: ['cj'],
    categories: ['all'],
    status: true,
    ...betaUntil125('batch', 'CronJob'),
  }),
};
