import { nftablesLayouts } from '../configuration.ts';
import { describeDataplane } from '../testing/contract.ts';
import { createNftablesDataplane } from './dataplane.ts';

for (const layout of nftablesLayouts)
  describeDataplane(`nftables, layout ${layout}`, {
    mode: 'nftables',
    create: createNftablesDataplane,
    layout,
    differences: {
      everyAddress: false,
      hashedAffinity: (family) => layout === 'flat' && family === 'IPv6',
    },
  });
