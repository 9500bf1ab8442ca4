import type { Register } from './options.ts';

/** `v9s list`: the clusters of this user. */
export const register: Register = (program) => {
  program
    .command('list')
    .description('list clusters')
    .action(async () => {
      const { listClusters } = await import('../../cluster/cluster.ts');
      const clusters = await listClusters();
      if (clusters.length === 0) {
        process.stderr.write('No clusters; v9s up starts one.\n');
        return;
      }
      const rows = [
        ['NAME', 'STATUS', 'NODES', 'API', 'STATE'],
        ...clusters.map(({ name, running, spec, folder }) => [
          name,
          running ? 'Running' : 'Stopped',
          String(spec.nodes.length),
          // The API of a node that joined from elsewhere is not here.
          running && spec.apiPort > 0 ? `https://127.0.0.1:${spec.apiPort}` : '-',
          folder,
        ]),
      ];
      const widths =
        rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
      for (const row of rows) {
        const cells = row.map((cell, column) =>
          column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0),
        );
        process.stdout.write(`${cells.join('   ')}\n`);
      }
    });
};
