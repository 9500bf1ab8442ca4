import { resources } from '../../../../api/scheme.ts';
import type { APIService } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { forbidden, invalid, required } from '../validation/field.ts';

/** Upstream: `kube-aggregator/pkg/apis/apiregistration/validation/validation.go`. */
export const apiServiceStrategy: Strategy<APIService> = {
  resource: resources.apiservices,
  defaults({ spec }) {
    if (spec?.service) spec.service.port ??= 443;
  },
  prepare(apiService, old) {
    apiService.status = old?.status ?? (apiService.spec?.service ? {} : localStatus(apiService));
  },
  validate({ metadata, spec }) {
    const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0 } = spec ?? {};
    const name = `${version}.${group}`;
    const errors: FieldError[] = [];
    if (metadata?.name !== name && metadata?.name !== `${version}.`) {
      const detail = `must be \`spec.version+"."+spec.group\`: "${name}"`;
      errors.push(invalid('metadata.name', metadata?.name, detail));
    }
    if (!version) errors.push(required('spec.version'));
    for (const [field, value, most] of [
      ['groupPriorityMinimum', groupPriorityMinimum, 20_000],
      ['versionPriority', versionPriority, 1_000],
    ] as const) {
      if (value <= 0 || value > most) {
        errors.push(invalid(`spec.${field}`, value, `must be positive and less than ${most}`));
      }
    }
    if (!spec?.service) {
      if (spec?.caBundle)
        errors.push(invalid('spec.caBundle', '', 'local APIServices may not have a caBundle'));
      return errors;
    }
    if (!spec.service.name) errors.push(required('spec.service.name'));
    if (!spec.service.namespace) errors.push(required('spec.service.namespace'));
    if (spec.insecureSkipTLSVerify && spec.caBundle) {
      errors.push(forbidden('spec.insecureSkipTLSVerify', 'may not be true if caBundle is present'));
    }
    return errors;
  },
  columns: [
    nameColumn,
    column('Service', 'Who serves it.', ({ spec }) =>
      spec?.service ? `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}` : 'Local',
    ),
    column('Available', 'Whether it is served.', ({ status }) => {
      const condition = status?.conditions?.find(({ type }) => type === 'Available');
      if (!condition) return 'Unknown';
      return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
    }),
    ageColumn,
  ],
};

/** What is served here is available. */
function localStatus({ metadata }: APIService): NonNullable<APIService['status']> {
  const { creationTimestamp } = metadata ?? {};
  return {
    conditions: [
      {
        type: 'Available',
        status: 'True',
        reason: 'Local',
        message: 'Local APIServices are always available',
        ...(creationTimestamp ? { lastTransitionTime: creationTimestamp } : {}),
      },
    ],
  };
}
