import type { KubeProxyConfiguration, ProxyMode } from '../../dataplane/configuration.ts';
import { type IptablesTools, withIptablesTools } from '../../kernel/iptables-tools.ts';
import type { Kernel } from '../../kernel/run.ts';

/** One way into the kernel, and the bare command that takes the same text. */
export interface Backend {
  readonly mode: ProxyMode;
  readonly layout?: 'upstream' | 'flat';
  readonly tools?: IptablesTools;
  /** Undefined where it takes several commands: then those are given what they were given. */
  readonly bare?: readonly [file: string, ...args: string[]];
}

const restore = (tools: IptablesTools) => [`iptables-${tools}-restore`, '--noflush', '--wait', '5'] as const;

/** By name on the command line. */
export const backends: Readonly<Record<string, Backend>> = {
  'iptables-nft': { mode: 'iptables', tools: 'nft', bare: restore('nft') },
  'iptables-legacy': { mode: 'iptables', tools: 'legacy', bare: restore('legacy') },
  'nftables-upstream': { mode: 'nftables', layout: 'upstream', bare: ['nft', '-f', '-'] },
  'nftables-flat': { mode: 'nftables', layout: 'flat', bare: ['nft', '-f', '-'] },
  ipvs: { mode: 'ipvs' },
};

/** Throws for a name that is none. */
export function backendOf(name: string): Backend {
  const backend = backends[name];
  if (backend) return backend;
  throw new Error(`no backend ${JSON.stringify(name)}; there are ${Object.keys(backends).join(', ')}`);
}

export function configurationOf({ mode, layout }: Backend): KubeProxyConfiguration {
  return { mode, clusterCIDR: '10.244.0.0/16', ...(layout ? { nftables: { layout } } : {}) };
}

/** A kernel with the backend's tools, whichever a proxy would choose itself. */
export function withToolsOf({ tools }: Backend, kernel: Kernel): Kernel {
  if (!tools) return kernel;
  const chosen = withIptablesTools(kernel, tools);
  const plain = (file: string) => file.replace(/^(ip6?tables)-(nft|legacy)/, '$1');
  const { open } = chosen;
  return {
    ...chosen,
    run: (file, args, options) => chosen.run(plain(file), args, options),
    ...(open ? { open: (file, args) => open(plain(file), args) } : {}),
  };
}
