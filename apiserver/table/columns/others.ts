import type {
  ConfigMap,
  CustomResourceDefinition,
  Lease,
  Namespace,
  Secret,
  ServiceAccount,
  ServiceCIDR,
} from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import { ageColumn, column, nameColumn } from './common.ts';

/** Columns of kinds that have one or two of their own. Upstream: `pkg/printers/internalversion/printers.go`. */

export const namespaceColumns: readonly Column<Namespace>[] = [
  nameColumn,
  column('Status', 'The status of the namespace', ({ status }) => status?.phase ?? ''),
  ageColumn,
];

export const configMapColumns: readonly Column<ConfigMap>[] = [
  nameColumn,
  column(
    'Data',
    'How many keys there are.',
    ({ data, binaryData }) => count(data) + count(binaryData),
    'integer',
  ),
  ageColumn,
];

export const secretColumns: readonly Column<Secret>[] = [
  nameColumn,
  column('Type', 'What the secret is for.', ({ type }) => type ?? ''),
  column('Data', 'How many keys there are.', ({ data }) => count(data), 'integer'),
  ageColumn,
];

export const serviceAccountColumns: readonly Column<ServiceAccount>[] = [
  nameColumn,
  column(
    'Secrets',
    'How many secrets pods of this account may use.',
    ({ secrets }) => secrets?.length ?? 0,
    'integer',
  ),
  ageColumn,
];

export const leaseColumns: readonly Column<Lease>[] = [
  nameColumn,
  column('Holder', 'Who holds the lease.', ({ spec }) => spec?.holderIdentity ?? ''),
  ageColumn,
];

export const serviceCidrColumns: readonly Column<ServiceCIDR>[] = [
  nameColumn,
  column('CIDRs', 'Ranges ClusterIPs are taken from.', ({ spec }) => (spec?.cidrs ?? []).join(',')),
  ageColumn,
];

export const customResourceDefinitionColumns: readonly Column<CustomResourceDefinition>[] = [
  nameColumn,
  column('Created At', 'When it was created.', ({ metadata }) => metadata?.creationTimestamp ?? '', 'date'),
];

const count = (map: object | undefined): number => Object.keys(map ?? {}).length;
