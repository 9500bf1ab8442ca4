import type { Command } from 'commander';
import { nameOption, type Register } from './options.ts';

/** `v9s reset NODE`: takes a node's place away, as `kubeadm reset` does on a machine. */
export const register: Register = (program) => {
  program
    .command('reset')
    .description('undo v9s join: end a node with all that runs on it; its Node object stays')
    .argument('[node]', 'name of the node')
    .addOption(nameOption())
    .option('--host', 'take this machine itself out of its cluster, for good; for root')
    .option('-f, --force', 'there is no question to answer; for lines of kubeadm')
    .action(
      async (node: string | undefined, { name, host }: { name: string; host?: boolean }, self: Command) => {
        const { resetMachine, resetNode } = await import('../../cluster/kubeadm/index.ts');
        if (host) {
          await resetMachine(name);
          process.stdout.write(
            'Nothing of the node is left on this machine; kubectl delete node takes its object\n',
          );
          return;
        }
        if (node === undefined) self.error("error: missing required argument 'node'");
        await resetNode(name, node);
        process.stdout.write(
          `Nothing of node ${node} is left. Its Node object stays until kubectl delete node ${node}\n`,
        );
      },
    );
};
