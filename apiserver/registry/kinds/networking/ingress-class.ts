import { resources } from '../../../../api/scheme.ts';
import type { IngressClass } from '../../../../api/types.ts';
import { ageColumn, column, nameColumn, orNone } from '../../../table/columns/common.ts';
import type { Strategy } from '../../strategy.ts';
import { forbidden, invalid, notSupported, required, tooLong } from '../validation/field.ts';
import { domainPrefixedPath } from '../validation/names.ts';
import { validateReference } from './reference.ts';

const longestController = 250;

/** Upstream: `ValidateIngressClass` in `pkg/apis/networking/validation/validation.go`. */
export const ingressClassStrategy: Strategy<IngressClass> = {
  resource: resources.ingressclasses,
  defaults({ spec }) {
    if (spec?.parameters) spec.parameters.scope ||= 'Cluster';
  },
  validate({ spec }, old) {
    const { controller = '', parameters } = spec ?? {};
    const field = 'spec.controller';
    const errors = controller.length > longestController ? [tooLong(field, longestController)] : [];
    if (controller === '') errors.push(required(field));
    else for (const text of domainPrefixedPath(controller)) errors.push(invalid(field, controller, text));
    if (parameters) errors.push(...validateReference('spec.parameters', parameters));
    if (parameters?.scope === 'Namespace' && !parameters.namespace) {
      const detail = "`parameters.scope` is set to 'Namespace'";
      errors.push(required('spec.parameters.namespace', detail));
    }
    if (parameters?.scope === 'Cluster' && parameters.namespace) {
      const detail = "`parameters.scope` is set to 'Cluster'";
      errors.push(forbidden('spec.parameters.namespace', detail));
    }
    if (parameters?.scope && !['Cluster', 'Namespace'].includes(parameters.scope)) {
      errors.push(notSupported('spec.parameters.scope', parameters.scope, ['Cluster', 'Namespace']));
    }
    if (old && controller !== old.spec?.controller)
      errors.push(invalid(field, controller, 'field is immutable'));
    return errors;
  },
  columns: [
    nameColumn,
    column('Controller', 'Who serves Ingresses of this class.', ({ spec }) => spec?.controller ?? ''),
    column('Parameters', 'What that reads beside.', ({ spec }) => {
      const { apiGroup, kind, name } = spec?.parameters ?? {};
      return orNone(kind && `${kind}${apiGroup ? `.${apiGroup}` : ''}/${name ?? ''}`);
    }),
    ageColumn,
  ],
};
