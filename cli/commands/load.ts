import { resolve } from 'node:path';
import { nameOption, type Register } from './options.ts';

interface LoadFlags {
  name: string;
  tag?: string;
  list?: boolean;
}

/** `v9s load FILE.tar`: makes real images known to every node of a cluster. */
export const register: Register = (program) => {
  program
    .command('load')
    .description('load images from archives: docker save, or an OCI image layout')
    .argument('[file...]', 'archives, compressed or not, or folders with an OCI image layout')
    .addOption(nameOption())
    .option('-t, --tag <reference>', 'name of the image, where the archive does not name it')
    .option('--list', 'list what has been loaded')
    .action(async (files: string[], { name, tag, list }: LoadFlags) => {
      const [{ existingState }, { listImages, loadImages }, { familiarName }] = await Promise.all([
        import('../../cluster/cluster.ts'),
        import('../../cluster/images.ts'),
        import('../../node-agent/images/reference.ts'),
      ]);
      const { root } = existingState(name);
      if (list) return printList(listImages(root), familiarName);
      if (files.length === 0) throw new Error('load: which archive? v9s load FILE.tar');
      for (const file of files) {
        const loaded = await loadImages(root, resolve(file), tag === undefined ? {} : { tag });
        for (const { names, size, foreignOwners, leftOut } of loaded) {
          const [first = ''] = names;
          process.stdout.write(`Loaded ${familiarName(first)}, ${megabytes(size)}\n`);
          if (foreignOwners > 0)
            process.stderr.write(
              `v9s: ${foreignOwners} of its files belong to other users than root; only root can give files away, so here all belong to whom the container runs as\n`,
            );
          if (leftOut.length > 0)
            process.stderr.write(`v9s: left out, being no files, folders or links: ${leftOut.join(' ')}\n`);
        }
      }
    });
};

function printList(
  images: readonly { id: string; names: readonly string[]; size: number }[],
  familiarName: (name: string) => string,
): void {
  const rows = images.flatMap(({ id, names, size }) => {
    const tagged = names.filter((name) => !name.includes('@')).map(familiarName);
    return (tagged.length > 0 ? tagged : ['<none>']).map((name) => [
      name,
      id.slice('sha256:'.length, 'sha256:'.length + 12),
      megabytes(size),
    ]);
  });
  if (rows.length === 0) {
    process.stderr.write('No images have been loaded; those that are built in need not be.\n');
    return;
  }
  rows.sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
  const width = Math.max(...rows.map(([name = '']) => name.length), 'IMAGE'.length);
  for (const [name = '', id = '', size = ''] of [['IMAGE', 'ID', 'SIZE'], ...rows])
    process.stdout.write(`${name.padEnd(width)}   ${id.padEnd(12)}   ${size}\n`);
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)}kB` : `${(bytes / 1e6).toFixed(1)}MB`;
}
