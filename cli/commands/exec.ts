import { nameOption, type Register } from './options.ts';

/** `v9s exec NODE -- COMMAND`: runs anything inside a node. */
export const register: Register = (program, finish) => {
  program
    .command('exec')
    .description('run a command inside a node, or in the `outside` network: v9s exec worker -- ip route')
    .argument('<node>', 'name of the node')
    .argument('<command...>', 'the command and its arguments')
    .addOption(nameOption())
    .passThroughOptions()
    .action(async (node: string, words: string[], { name }: { name: string }) => {
      // Everything after the node is passed through, the separator too.
      const command = words[0] === '--' ? words.slice(1) : words;
      const { attachCluster } = await import('../../cluster/cluster.ts');
      const cluster = await attachCluster(name);
      finish(await cluster.node(node).run(command));
    });
};
