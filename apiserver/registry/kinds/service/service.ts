import { resources } from '../../../../api/scheme.ts';
import type { Service } from '../../../../api/types.ts';
import { serviceColumns } from '../../../table/columns/services.ts';
import type { Strategy } from '../../strategy.ts';
import type { KindOptions } from '../options.ts';
import { createServiceAllocation } from './allocate.ts';
import { setServiceDefaults } from './defaults.ts';
import { prepareService } from './prepare.ts';
import { validateService } from './validate.ts';

/** Services: see the other files of this folder. */
export function serviceStrategy({
  serviceCidrs,
  serviceNodePortRange,
  followServices,
}: KindOptions): Strategy<Service> {
  const { allocate, release } = createServiceAllocation({
    cidrs: serviceCidrs,
    nodePortRange: serviceNodePortRange,
    follow: followServices,
  });
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
