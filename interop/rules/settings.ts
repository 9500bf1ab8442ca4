import type { KubeProxyConfiguration } from '../../dataplane/configuration.ts';

/** What both proxies are told on their command line, and the same as a configuration. */
export interface Setting {
  readonly name: string;
  readonly flags: readonly string[];
  readonly configuration: KubeProxyConfiguration;
}

const clusterCIDR = '10.244.0.0/16,fd00:244::/32';
// Mode nftables has another default than the others.
const everywhere = ['0.0.0.0/0', '::/0'];
const ofNode = ['172.18.0.0/16', 'fd00:172::/64'];

const usual = [`--cluster-cidr=${clusterCIDR}`];
const anyAddress = `--nodeport-addresses=${everywhere.join()}`;

/** Every one has its turn. */
export const settings: readonly [Setting, ...Setting[]] = [
  {
    name: 'usual',
    flags: [...usual, anyAddress],
    configuration: { clusterCIDR, nodePortAddresses: everywhere },
  },
  {
    name: 'masquerade-all',
    flags: [...usual, anyAddress, '--masquerade-all=true', '--iptables-masquerade-bit=5'],
    configuration: {
      clusterCIDR,
      nodePortAddresses: everywhere,
      iptables: { masqueradeAll: true, masqueradeBit: 5 },
    },
  },
  {
    name: 'nodeport-addresses',
    flags: [...usual, `--nodeport-addresses=${ofNode.join()}`],
    configuration: { clusterCIDR, nodePortAddresses: ofNode },
  },
  {
    name: 'detect-local-mode NodeCIDR',
    flags: [...usual, anyAddress, '--detect-local-mode=NodeCIDR'],
    configuration: { clusterCIDR, nodePortAddresses: everywhere, detectLocalMode: 'NodeCIDR' },
  },
];
