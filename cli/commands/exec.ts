import { nameOption, type Register } from './options.ts';

/** `v9s exec NODE -- COMMAND`, `v9s exec pod/NAME -- COMMAND`: runs anything inside a node or a pod. */
export const register: Register = (program, finish) => {
  program
    .command('exec')
    .description(
      'run a command inside a node, in the `outside` network, or in a pod: v9s exec worker -- ip route',
    )
    .argument('<place>', 'name of the node, or pod/NAME')
    .argument('<command...>', 'the command and its arguments')
    .addOption(nameOption())
    .option('-n, --namespace <namespace>', 'of the pod', 'default')
    .option('-c, --container <container>', 'of the pod, else its first')
    .passThroughOptions()
    .action(async (where: string, words: string[], { name, ...of }: ExecOptions) => {
      // Everything after the node is passed through, the separator too.
      const command = words[0] === '--' ? words.slice(1) : words;
      const { attachCluster } = await import('../../cluster/cluster.ts');
      const cluster = await attachCluster(name);
      const pod = /^pods?\/(.+)$/.exec(where)?.[1];
      finish(await (pod ? cluster.pod(pod, of) : cluster.node(where)).run(command));
    });
};

interface ExecOptions {
  name: string;
  namespace: string;
  container?: string;
}
