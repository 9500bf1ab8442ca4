import { Option } from 'commander';
import { programOption, type Register, wholeNumber } from './options.ts';

interface ScenarioOptions {
  nodes?: number;
  keep?: boolean;
  verbose?: boolean;
  lines?: boolean;
  program?: string[];
}

/** `v9s scenario NAME`: plays an article's demo and checks each step of it. */
export const register: Register = (program, finish) => {
  program
    .command('scenario')
    .description("play an article's demo on a cluster of its own, checking every step")
    .argument('[name]', 'without one, the scenarios are listed')
    .option('--nodes <count>', 'number of nodes', wholeNumber)
    .option('--keep', 'leave the cluster up afterwards')
    .option('-v, --verbose', 'show the kernel commands')
    .addOption(programOption())
    // How one that is played in a guest kernel tells its story to the one outside.
    .addOption(new Option('--lines', 'tell the story as lines of JSON').hideHelp())
    .action(async (name: string | undefined, { program: programs, ...options }: ScenarioOptions) => {
      const { runScenario } = await import('../../scenarios/run.ts');
      finish(await runScenario(name, { ...options, ...(programs ? { programs } : {}) }));
    });
};
