import { createIptablesDataplane } from '../iptables/dataplane.ts';
import { describeDataplane } from '../testing/contract.ts';
import { createIpvsDataplane } from './dataplane.ts';

const soak = process.env.V9S_SOAK === '1';
/** Programs start slowly in a guest kernel: the soak test does what is left out here. */
const sample = soak
  ? {}
  : {
      sample: {
        rows: ['a node port', 'externalTrafficPolicy Local', 'a Service without endpoints refuses at once'],
        configurations: ['masqueradeAll', 'nodePortAddresses that name the underlay'],
      },
    };

describeDataplane('ipvs', {
  mode: 'ipvs',
  create: createIpvsDataplane,
  differences: { oneServer: true },
  whole: soak ? ['IPv4', 'IPv6'] : ['IPv4'],
  ...sample,
});

// The guest kernel has SCTP sockets, and iptables' legacy tools.
if (soak)
  describeDataplane('iptables beside IPVS', {
    mode: 'iptables',
    create: createIptablesDataplane,
    differences: { localhost: true, otherPort: 'silent', nodeToNothing: 'silent' },
    whole: ['IPv4'],
  });
