import { resources } from '../../../api/scheme.ts';
import type { CoreEvent } from '../../../api/types.ts';
import { eventColumns } from '../../table/columns/events.ts';
import type { Strategy } from '../strategy.ts';
import { invalid } from './validation/field.ts';

/** Upstream: `pkg/registry/core/event/strategy.go`, `pkg/apis/core/validation/events.go`. */
export const eventStrategy: Strategy<CoreEvent> = {
  resource: resources.events,
  validate({ involvedObject, metadata }) {
    const { namespace = '' } = involvedObject ?? {};
    const own = metadata.namespace ?? '';
    const fits = namespace === '' ? own === 'default' || own === 'kube-system' : own === namespace;
    return fits ? [] : [invalid('involvedObject.namespace', namespace, 'does not match event.namespace')];
  },
  selectableFields: ({ involvedObject: about = {}, reason, type, source, reportingComponent }) => ({
    'involvedObject.kind': about.kind ?? '',
    'involvedObject.namespace': about.namespace ?? '',
    'involvedObject.name': about.name ?? '',
    'involvedObject.uid': about.uid ?? '',
    'involvedObject.apiVersion': about.apiVersion ?? '',
    'involvedObject.resourceVersion': about.resourceVersion ?? '',
    'involvedObject.fieldPath': about.fieldPath ?? '',
    reason: reason ?? '',
    reportingComponent: reportingComponent ?? '',
    source: source?.component || (reportingComponent ?? ''),
    type: type ?? '',
  }),
  // Upstream: `AddFieldLabelConversionsForEvent` of `pkg/apis/events/v1`.
  fieldLabels: {
    'events.k8s.io': {
      'regarding.kind': 'involvedObject.kind',
      'regarding.namespace': 'involvedObject.namespace',
      'regarding.name': 'involvedObject.name',
      'regarding.uid': 'involvedObject.uid',
      'regarding.apiVersion': 'involvedObject.apiVersion',
      'regarding.resourceVersion': 'involvedObject.resourceVersion',
      'regarding.fieldPath': 'involvedObject.fieldPath',
      reportingController: 'reportingComponent',
      reason: 'reason',
      type: 'type',
    },
  },
  columns: eventColumns,
};
