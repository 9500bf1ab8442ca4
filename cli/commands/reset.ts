import { nameOption, type Register } from './options.ts';

/** `v9s reset NODE`: takes a node's place away, as `kubeadm reset` does on a machine. */
export const register: Register = (program) => {
  program
    .command('reset')
    .description('undo v9s join: end a node with all that runs on it; its Node object stays')
    .argument('<node>', 'name of the node')
    .addOption(nameOption())
    .option('-f, --force', 'there is no question to answer; for lines of kubeadm')
    .action(async (node: string, { name }: { name: string }) => {
      const { resetNode } = await import('../../cluster/kubeadm/index.ts');
      await resetNode(name, node);
      process.stdout.write(
        `Nothing of node ${node} is left. Its Node object stays until kubectl delete node ${node}\n`,
      );
    });
};
