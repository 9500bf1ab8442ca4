import { resources } from '../../../api/scheme.ts';
import type { ComponentStatus } from '../../../api/types.ts';
import { column, nameColumn } from '../../table/columns/common.ts';
import type { Strategy } from '../strategy.ts';

/** Nothing is stored of them. Upstream: `pkg/registry/core/componentstatus`. */
export const componentStatusStrategy: Strategy<ComponentStatus> = {
  resource: resources.componentstatuses,
  columns: [
    nameColumn,
    column('Status', 'How it is.', ({ conditions }) => {
      const healthy = conditions?.find(({ type }) => type === 'Healthy');
      if (!healthy) return 'Unknown';
      return healthy.status === 'True' ? 'Healthy' : 'Unhealthy';
    }),
    column('Message', 'What it says.', ({ conditions }) => conditions?.[0]?.message ?? ''),
    column('Error', 'What is wrong.', ({ conditions }) => conditions?.[0]?.error ?? ''),
  ],
};
