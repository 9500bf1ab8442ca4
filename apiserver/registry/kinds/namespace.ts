import { resources } from '../../../api/scheme.ts';
import type { Namespace } from '../../../api/types.ts';
import { namespaceColumns } from '../../table/columns/others.ts';
import type { Strategy } from '../strategy.ts';
import { invalidEach } from './validation/field.ts';
import { qualifiedName } from './validation/names.ts';

/** The label by which NetworkPolicies and others select a namespace by its name. */
const nameLabel = 'kubernetes.io/metadata.name';

/** Upstream: `pkg/registry/core/namespace/strategy.go`. */
export const namespaceStrategy: Strategy<Namespace> = {
  resource: resources.namespaces,
  defaults(namespace) {
    const { name } = namespace.metadata ?? {};
    if (name)
      namespace.metadata = {
        ...namespace.metadata,
        labels: { ...namespace.metadata?.labels, [nameLabel]: name },
      };
    namespace.status ??= {};
    namespace.status.phase ||= 'Active';
  },
  prepare(namespace, old) {
    if (old) {
      namespace.spec = { ...namespace.spec };
      if (old.spec?.finalizers) namespace.spec.finalizers = old.spec.finalizers;
      else delete namespace.spec.finalizers;
      if (old.status) namespace.status = old.status;
      return;
    }
    namespace.status = { phase: 'Active' };
    namespace.spec = { finalizers: [...new Set([...(namespace.spec?.finalizers ?? []), 'kubernetes'])] };
  },
  validate: ({ spec }) =>
    (spec?.finalizers ?? []).flatMap((name, index) =>
      invalidEach(`spec.finalizers[${index}]`, name, qualifiedName(name)),
    ),
  selectableFields: ({ status, metadata }) => ({
    'status.phase': status?.phase ?? '',
    name: metadata?.name ?? '',
  }),
  columns: namespaceColumns,
};
