import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { nameOption, type Register } from './options.ts';

/** `v9s logs COMPONENT`: what a component of the cluster itself has written. Pods: `kubectl logs`. */
export const register: Register = (program) => {
  program
    .command('logs')
    .description('print the log of a component: apiserver, lab, or a node by its name')
    .argument('[component]', 'without one, the components that have a log are listed')
    .addOption(nameOption())
    .action(async (component: string | undefined, { name }: { name: string }) => {
      const { existingState } = await import('../../cluster/cluster.ts');
      const folder = existingState(name).log;
      const names = existsSync(folder)
        ? readdirSync(folder).flatMap((file) => (file.endsWith('.log') ? [file.slice(0, -4)] : []))
        : [];
      if (component === undefined) {
        process.stdout.write(names.map((each) => `${each}\n`).join(''));
        return;
      }
      if (!names.includes(component)) {
        throw new Error(
          `no component ${JSON.stringify(component)} in cluster ${name}; there are ${names.join(', ')}`,
        );
      }
      await pipeline(createReadStream(join(folder, `${component}.log`)), process.stdout, { end: false });
    });
};
