import { resources } from '../../../api/scheme.ts';
import type { ServiceAccount } from '../../../api/types.ts';
import { serviceAccountColumns } from '../../table/columns/others.ts';
import type { Strategy } from '../strategy.ts';

export const serviceAccountStrategy: Strategy<ServiceAccount> = {
  resource: resources.serviceaccounts,
  columns: serviceAccountColumns,
};
