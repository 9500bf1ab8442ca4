import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** The last revision that was acknowledged, beside the database: of what follows it, nobody was told. */
export interface Watermark {
  /** Of the last run; 0 where there was none. */
  readonly found: number;
  /** Called when a write is on disk, before it is acknowledged. */
  raise(revision: number): void;
  close(): void;
}

export const watermarkFile = 'REVISION';

/**
 * A file of one line that is written over in place: it survives the end of the process whenever that comes, and
 * is given to the disk when it is closed. It is opened at the first write, so that a disk which takes none can
 * still be read.
 *
 * @throws Error when the file is not what was written
 */
export function openWatermark(folder: string): Watermark {
  const path = join(folder, watermarkFile);
  const found = existsSync(path) ? parse(readFileSync(path, 'utf8'), path) : 0;
  let file: number | undefined;
  return {
    found,
    raise(revision) {
      try {
        file ??= openWhole(path, revision);
        writeSync(file, format(revision), 0);
      } catch {
        // The write itself is stored. Without this line a later loss of it would go unnoticed, no more.
      }
    },
    close() {
      if (file === undefined) return;
      try {
        fsyncSync(file);
      } finally {
        closeSync(file);
        file = undefined;
      }
    },
  };
}

/** A new file appears with its line in it: a full disk must not leave an empty one. */
function openWhole(path: string, revision: number): number {
  if (!existsSync(path)) {
    writeFileSync(`${path}.new`, format(revision), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return openSync(path, 'r+');
}

/** Of one length, whatever the number, so that a new line covers the old. */
function format(revision: number): string {
  const number = String(revision).padStart(16, '0');
  return `${number} ${crc32(number).toString(16).padStart(8, '0')}\n`;
}

function parse(line: string, path: string): number {
  const revision = Number.parseInt(line.slice(0, 16), 10);
  if (Number.isSafeInteger(revision) && line === format(revision)) return revision;
  throw new Error(`${path} is damaged: it holds ${JSON.stringify(line.slice(0, 40))}`);
}
