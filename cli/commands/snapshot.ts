import { resolve } from 'node:path';
import { nameOption, type Register } from './options.ts';

/** `v9s snapshot save|restore FILE`: all objects of a cluster in a file, and back. */
export const register: Register = (program) => {
  const snapshot = program.command('snapshot').description('keep all objects of a cluster in a file');
  snapshot
    .command('save')
    .description('write all objects into a file; the cluster may be running or down')
    .argument('<file>', 'for secrets too: readable by its owner alone')
    .addOption(nameOption())
    .action(async (file: string, { name }: { name: string }) => {
      const { saveSnapshot } = await import('../../cluster/snapshot.ts');
      const { keys, revision, bytes } = await saveSnapshot(name, resolve(file));
      process.stdout.write(`Saved ${keys} keys of revision ${revision} in ${file}, ${megabytes(bytes)}\n`);
    });
  snapshot
    .command('restore')
    .description(
      'bring a cluster back to what a file holds: one with etcd while it runs, any other while it is down',
    )
    .argument('<file>', 'of v9s snapshot save')
    .addOption(nameOption())
    .action(async (file: string, { name }: { name: string }) => {
      const { restoreSnapshot } = await import('../../cluster/snapshot.ts');
      const { keys, revision, former } = await restoreSnapshot(name, resolve(file));
      process.stdout.write(`Restored ${keys} keys of revision ${revision}\n`);
      if (former) process.stdout.write(`What was there before is kept in ${former}\n`);
    });
};

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
