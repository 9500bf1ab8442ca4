import type { NftablesLayout, ProxyMode } from '../../dataplane/configuration.ts';
import { nameOption, type Register } from './options.ts';

interface SetOptions {
  name: string;
  emulatedVersion?: string;
  nftablesLayout?: NftablesLayout;
}

/** `v9s dataplane set MODE`: changes how Services reach the kernel, in a running cluster. */
export const register: Register = (program) => {
  const command = program
    .command('dataplane')
    .description('how Services reach the kernel: v9s dataplane set nftables');
  command
    .command('set')
    .description('switch a running cluster, node by node: new rules first, then the old ones go')
    .argument('<mode>', 'proxy mode: iptables, ipvs or nftables')
    .addOption(nameOption())
    .option('--emulated-version <release>', "whose kube-proxy's rules: 1.33, or 1.10 to 1.13")
    .option('--nftables-layout <layout>', 'upstream or flat')
    .action(async (dataplane: ProxyMode, { name, ...form }: SetOptions) => {
      const { attachCluster } = await import('../../cluster/cluster.ts');
      const cluster = await attachCluster(name);
      try {
        await cluster.setDataplane({ dataplane, ...form }, (node) =>
          process.stdout.write(`${node}: ${dataplane}\n`),
        );
      } finally {
        cluster.detach();
      }
    });
};
