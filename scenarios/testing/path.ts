import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

/** A PATH of one new folder, with links to every command of this PATH but `hidden`. */
export function pathWithout(hidden: string, folder: string): string {
  const listing = spawnSync(
    'sh',
    ['-c', 'mkdir -p "$0"; IFS=:; for d in $PATH; do ls -d "$d"/* 2>/dev/null; done', folder],
    {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    },
  );
  const taken = new Set<string>([hidden]);
  for (const file of listing.stdout.split('\n').filter(Boolean)) {
    if (taken.has(basename(file))) continue;
    taken.add(basename(file));
    symlinkSync(file, join(folder, basename(file)));
  }
  return folder;
}
