import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Snapshot } from '../snapshot.ts';
import { openDatabase } from './database.ts';
import { createHistory } from './history.ts';
import { openWatermark } from './watermark.ts';

/**
 * Makes a database that holds a snapshot, in the place of the one in `folder`, which must not be open. The new one
 * appears whole or not at all; the former is kept beside it, and its path returned. Revisions go on above those of
 * both, so that no client sees one twice.
 */
export async function restoreLevel(folder: string, snapshot: Snapshot): Promise<string | undefined> {
  const draft = mkdtempSync(join(dirname(folder), 'restore-'));
  try {
    const latest = Math.max(snapshot.revision, acknowledgedIn(folder)) + 1;
    const database = await openDatabase(draft);
    try {
      const records = snapshot.values
        .map(({ key, revision, value }) => ({ record: { key, revision, removed: false }, value }))
        .sort((a, b) => a.record.revision - b.record.revision);
      await database.readHistory(0);
      if (records.length > 0) await database.append(records);
      const history = createHistory(
        records.map(({ record }) => record),
        latest,
        latest,
      );
      await database.forget([], history);
    } finally {
      await database.close();
    }
    const watermark = openWatermark(draft);
    watermark.raise(latest);
    watermark.close();
    const former = existsSync(folder) ? nameFor(folder) : undefined;
    if (former) renameSync(folder, former);
    renameSync(draft, folder);
    return former;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** A damaged database may not know its own last revision. */
function acknowledgedIn(folder: string): number {
  try {
    return openWatermark(folder).found;
  } catch {
    // That line is damaged too: the snapshot's own revision has to do.
    return 0;
  }
}

function nameFor(folder: string): string {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  for (let number = 1; ; number++) {
    const name = `${folder}.before-${time}${number > 1 ? `-${number}` : ''}`;
    if (!existsSync(name)) return name;
  }
}
