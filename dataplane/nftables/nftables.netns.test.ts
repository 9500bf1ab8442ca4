import { proxyConfiguration } from '../configuration.ts';
import { describeDataplane } from '../testing/contract.ts';
import { createNftablesDataplane } from './dataplane.ts';

const configuration = proxyConfiguration({ mode: 'nftables', clusterCIDR: '10.244.0.0/16' });

describeDataplane(
  'nftables, layout upstream',
  (options) => createNftablesDataplane({ ...options, configuration }),
  {
    localhostNodePorts: false,
  },
);

const flat = proxyConfiguration({
  mode: 'nftables',
  clusterCIDR: '10.244.0.0/16',
  nftables: { layout: 'flat' },
});

describeDataplane(
  'nftables, layout flat',
  (options) => createNftablesDataplane({ ...options, configuration: flat }),
  {
    localhostNodePorts: false,
  },
);
