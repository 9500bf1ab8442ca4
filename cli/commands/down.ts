import { nameOption, type Register } from './options.ts';

/** `v9s down`: ends a cluster's lab. */
export const register: Register = (program) => {
  program
    .command('down')
    .description('end a cluster; its objects are kept for the next up')
    .addOption(nameOption())
    .option('--delete', 'delete its objects and files too')
    .action(async ({ name, delete: remove }: { name: string; delete?: boolean }) => {
      const { stopCluster } = await import('../../cluster/cluster.ts');
      const { wasRunning, folder } = await stopCluster(name, { remove: remove ?? false });
      const state = wasRunning ? `Cluster ${name} is down` : `Cluster ${name} was not running`;
      const rest = remove
        ? 'nothing of it is left'
        : `its objects are kept in ${folder} (v9s down --delete removes them)`;
      process.stdout.write(`${state}; ${rest}\n`);
    });
};
