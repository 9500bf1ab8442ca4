import { existsSync, type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inspectContainer } from './containers.ts';
import type { LogOptions } from './log-options.ts';

/** One container's log: the file, and the folder whose `exit` tells that it will not grow. */
export interface LogPlace {
  file: string;
  dir: string;
}

/** How often somebody looks whether a container that writes nothing still lives; upstream: `stateCheckPeriod`. */
const stateCheckPeriod = 5_000;

const blockSize = 64 << 10;

/**
 * What a container has written, as it wrote it: lines without their time, parts of lines put together. With
 * `follow` what it writes from then on, until it has ended or `signal` fires. Upstream:
 * `kubelet/kuberuntime/logs/logs.go`.
 */
export async function* readLog(
  place: LogPlace,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const first = await openIfThere(place.file);
  if (!first) return;
  let file: FileHandle = first;
  const bell = options.follow ? createBell(place, signal) : undefined;
  const format = createFormat(options);
  let rest: Buffer = Buffer.alloc(0);
  let at = options.tailLines === undefined ? 0 : await tailStart(file, options.tailLines);
  try {
    for (;;) {
      const ended = !options.follow || signal.aborted || hasEnded(place, bell?.quiet ?? true);
      const moved: boolean = options.follow && !(await isStill(place.file, file));
      for (let block = await read(file, at); block.length > 0; block = await read(file, at)) {
        at += block.length;
        const text = rest.length > 0 ? Buffer.concat([rest, block]) : block;
        const whole = text.lastIndexOf(newline) + 1;
        rest = text.subarray(whole);
        const out = format.lines(text.subarray(0, whole));
        if (out.length > 0) yield out;
        if (format.full || signal.aborted) return;
      }
      const next: FileHandle | undefined = moved ? await openIfThere(place.file) : undefined;
      if (next) {
        await file.close();
        file = next;
        at = 0;
      } else {
        if (ended) return;
        await bell?.rings();
      }
    }
  } finally {
    bell?.close();
    await file.close();
  }
}

const newline = 10;
const space = 32;
const nothing = Buffer.alloc(0);

/** Turns whole lines of the CRI format into what is given out, until the limit is reached. */
function createFormat({ timestamps, since, limitBytes }: LogOptions) {
  let left = limitBytes ?? Number.POSITIVE_INFINITY;
  return {
    get full() {
      return left <= 0;
    },
    lines(text: Buffer): Buffer {
      const parts: Buffer[] = [];
      for (let start = 0; start < text.length && left > 0; ) {
        const end = text.indexOf(newline, start) + 1;
        const afterTime = text.indexOf(space, start) + 1;
        const afterStream = text.indexOf(space, afterTime) + 1;
        const afterTag = text.indexOf(space, afterStream) + 1;
        const isPartial = text[afterStream] === 80; // P
        if (!since || text.toString('latin1', start, afterTime - 1) >= since) {
          const time = timestamps ? text.subarray(start, afterTime) : nothing;
          const content = text.subarray(afterTag, isPartial ? end - 1 : end);
          for (const part of [time, content]) {
            parts.push(part.subarray(0, left));
            left -= Math.min(part.length, left);
          }
        }
        start = end;
      }
      return Buffer.concat(parts);
    },
  };
}

/** Where the last so many lines begin. */
async function tailStart(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat();
  let left = lines;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - blockSize);
    const block = await read(file, start, end - start);
    for (
      let at = block.lastIndexOf(newline);
      at >= 0;
      at = at > 0 ? block.lastIndexOf(newline, at - 1) : -1
    ) {
      if (left-- === 0) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

async function read(file: FileHandle, at: number, length = blockSize): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await file.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** False when the file of that name is another, or gone: the one that was read has been put aside. */
async function isStill(name: string, file: FileHandle): Promise<boolean> {
  try {
    const [now, then] = await Promise.all([stat(name), file.stat()]);
    return now.ino === then.ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** The process table is asked only where nothing was heard for a while: a shim that was killed says nothing. */
function hasEnded({ dir }: LogPlace, quiet: boolean): boolean {
  if (existsSync(join(dir, 'exit')) || !existsSync(dir)) return true;
  return quiet && inspectContainer(dir).phase === 'exited';
}

/** Rings when the log or the container's folder has changed. */
function createBell({ file, dir }: LogPlace, signal: AbortSignal) {
  let rung = false;
  let quiet = false;
  let wake: () => void = () => undefined;
  const ring = () => {
    rung = true;
    wake();
  };
  const watchers: FSWatcher[] = [dirname(file), dir].map((folder) => watch(folder, ring).on('error', ring));
  signal.addEventListener('abort', ring, { once: true });
  return {
    /** True when the last wait ended without anything. */
    get quiet() {
      return quiet;
    },
    async rings(): Promise<void> {
      quiet = false;
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(() => {
            quiet = true;
            resolve();
          }, stateCheckPeriod);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      rung = false;
    },
    close() {
      signal.removeEventListener('abort', ring);
      for (const watcher of watchers) watcher.close();
    },
  };
}
