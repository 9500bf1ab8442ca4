import type { ProxyMode } from '../../dataplane/configuration.ts';
import { nameOption, type Register } from './options.ts';

/** `v9s dataplane set MODE`: changes how Services reach the kernel, in a running cluster. */
export const register: Register = (program) => {
  const command = program
    .command('dataplane')
    .description('how Services reach the kernel: v9s dataplane set nftables');
  command
    .command('set')
    .description('switch a running cluster, node by node: new rules first, then the old ones go')
    .argument('<mode>', 'proxy mode')
    .addOption(nameOption())
    .action(async (mode: ProxyMode, { name }: { name: string }) => {
      const { attachCluster } = await import('../../cluster/cluster.ts');
      const cluster = await attachCluster(name);
      try {
        await cluster.setDataplane(mode, (node) => process.stdout.write(`${node}: ${mode}\n`));
      } finally {
        cluster.detach();
      }
    });
};
