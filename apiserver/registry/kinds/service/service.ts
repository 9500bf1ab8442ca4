import { resources } from '../../../../api/scheme.ts';
import type { Service } from '../../../../api/types.ts';
import { serviceColumns } from '../../../table/columns/services.ts';
import type { Strategy } from '../../strategy.ts';
import { createServiceAllocation, type FollowServices } from './allocate.ts';
import { setServiceDefaults } from './defaults.ts';
import { prepareService } from './prepare.ts';
import { validateService } from './validate.ts';

/** Services: see the other files of this folder. */
export function serviceStrategy(options: {
  cidrs: readonly string[];
  nodePortRange: string;
  follow?: FollowServices | undefined;
}): Strategy<Service> {
  const { allocate, release } = createServiceAllocation(options);
  return {
    resource: resources.services,
    defaults: setServiceDefaults,
    prepare: prepareService,
    validate: validateService,
    allocate,
    release,
    selectableFields: ({ spec = {} }) => ({
      'spec.clusterIP': spec.clusterIP ?? '',
      'spec.type': spec.type ?? '',
    }),
    columns: serviceColumns,
  };
}
