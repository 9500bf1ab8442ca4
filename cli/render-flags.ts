import { familyOf } from '../api/address.ts';
import { emulatedVersions } from '../dataplane/iptables/versions.ts';

/** One option of `v9s render`; all take a value. */
export interface Flag {
  readonly short?: string;
  /** What the value is called in the help. */
  readonly value: string;
  readonly help: string;
  readonly required?: boolean;
  readonly choices?: readonly string[];
  readonly fallback?: string;
  /** Says what is wrong with a value. */
  readonly check?: (value: string) => string | undefined;
}

export type RenderFlag =
  | 'filename'
  | 'node'
  | 'node-ip'
  | 'family'
  | 'config'
  | 'mode'
  | 'nftables-layout'
  | 'emulated-version';

/** The options, for the whole command line and for the short way of `renderAtOnce`. */
export const renderFlags: Readonly<Record<RenderFlag, Flag>> = {
  filename: {
    short: 'f',
    value: 'file',
    help: 'Services, EndpointSlices, Nodes and ServiceCIDRs; YAML or JSON, other kinds are ignored; - for standard input',
    required: true,
  },
  node: { value: 'name', help: 'the node whose rules are wanted', required: true },
  'node-ip': {
    value: 'ip,…',
    help: "the node's addresses (default: the InternalIPs of its Node object; without one, node ports still answer on every address the node turns out to have)",
    check(value) {
      const wrong = value.split(',').find((ip) => !familyOf(ip.trim()));
      return wrong === undefined ? undefined : `${JSON.stringify(wrong)} is not an IP address.`;
    },
  },
  family: { value: 'family', help: 'address family', choices: ['IPv4', 'IPv6'], fallback: 'IPv4' },
  config: { value: 'file', help: 'a KubeProxyConfiguration file' },
  mode: {
    value: 'mode',
    help: 'proxy mode',
    choices: ['iptables', 'ipvs', 'nftables'],
    fallback: 'iptables',
  },
  'nftables-layout': {
    value: 'layout',
    help: 'in mode nftables: chains for each Service as kube-proxy has them, or shared maps',
    choices: ['upstream', 'flat'],
    fallback: 'upstream',
  },
  'emulated-version': {
    value: 'version',
    help: 'the release of kube-proxy whose rules are wanted; the articles show those of 1.10 to 1.12',
    choices: emulatedVersions,
    fallback: emulatedVersions[0],
  },
};

/** Values as they were given, by name of the option. */
export type RenderValues = Partial<Record<RenderFlag, string>>;
