import { readFileSync } from 'node:fs';
import { nameOption, type Register } from './options.ts';

/** `v9s kubeconfig`: prints the administrator's kubeconfig. */
export const register: Register = (program) => {
  program
    .command('kubeconfig')
    .description('print the kubeconfig of a cluster')
    .addOption(nameOption())
    .action(async ({ name }: { name: string }) => {
      const { existingState } = await import('../../cluster/cluster.ts');
      process.stdout.write(readFileSync(existingState(name).kubeconfig, 'utf8'));
    });
};
