import { type Register, wholeNumber } from './options.ts';

/** `v9s scenario NAME`: plays an article's demo and checks each step of it. */
export const register: Register = (program, finish) => {
  program
    .command('scenario')
    .description("play an article's demo on a cluster of its own, checking every step")
    .argument('[name]', 'without one, the scenarios are listed')
    .option('--nodes <count>', 'number of nodes', wholeNumber)
    .option('--keep', 'leave the cluster up afterwards')
    .option('-v, --verbose', 'show the kernel commands')
    .action(
      async (name: string | undefined, options: { nodes?: number; keep?: boolean; verbose?: boolean }) => {
        const { runScenario } = await import('../../scenarios/run.ts');
        finish(await runScenario(name, options));
      },
    );
};
