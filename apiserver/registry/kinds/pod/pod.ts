import { resources } from '../../../../api/scheme.ts';
import type { Pod } from '../../../../api/types.ts';
import { podColumns } from '../../../table/columns/pods.ts';
import type { Strategy } from '../../strategy.ts';
import type { KindOptions } from '../options.ts';
import { setPodDefaults } from './defaults.ts';
import { preparePod, preparePodStatus } from './prepare.ts';
import { validatePod } from './validate.ts';

/** Pods: see the other files of this folder. */
export const podStrategy = ({ disableAdmissionPlugins = [] }: KindOptions): Strategy<Pod> => ({
  resource: resources.pods,
  defaults: setPodDefaults,
  prepare: (pod, old, context) => preparePod(pod, old, context, disableAdmissionPlugins),
  prepareStatus: preparePodStatus,
  validate: validatePod,
  graceful: ({ spec, status }, asked) => {
    const seconds = asked ?? spec?.terminationGracePeriodSeconds ?? 0;
    const ended = status?.phase === 'Failed' || status?.phase === 'Succeeded';
    if (!spec?.nodeName || ended) return { gracePeriodSeconds: 0 };
    return { gracePeriodSeconds: seconds < 0 ? 1 : seconds };
  },
  selectableFields: ({ spec, status }) => ({
    'spec.nodeName': spec?.nodeName ?? '',
    'spec.restartPolicy': spec?.restartPolicy ?? '',
    'spec.schedulerName': spec?.schedulerName ?? '',
    'spec.serviceAccountName': spec?.serviceAccountName ?? '',
    'spec.hostNetwork': String(spec?.hostNetwork ?? false),
    'status.phase': status?.phase ?? '',
    'status.podIP': status?.podIPs?.[0]?.ip ?? status?.podIP ?? '',
    'status.podIPs': (status?.podIPs ?? []).map(({ ip }) => ip).join(','),
    'status.nominatedNodeName': status?.nominatedNodeName ?? '',
  }),
  columns: podColumns,
});
