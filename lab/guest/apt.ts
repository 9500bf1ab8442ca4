import { execFile } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Why there is no guest kernel here, and the line that helps. */
export class GuestUnavailable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GuestUnavailable';
  }
}

const run = promisify(execFile);

/**
 * Downloads Debian packages into a folder; nothing is installed.
 *
 * @throws {GuestUnavailable} that says what to run
 */
export async function aptDownload(folder: string, packages: readonly string[]): Promise<void> {
  const download = ['-q', 'download', ...packages];
  await withLists(() => run('apt-get', download, { cwd: folder }), 'sudo apt-get update');
}

/** Puts an unpacked folder in its place; who began at the same time and was first has put the same there. */
export async function moveInto(place: string, unpacked: string): Promise<void> {
  await rename(unpacked, place).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

/**
 * The packages that installing one would bring: itself, and what it needs that is not installed.
 *
 * @throws {GuestUnavailable} that says what to run
 */
export async function aptClosure(name: string): Promise<string[]> {
  const simulate = ['-q', '-s', '-o', 'Debug::NoLocking=1', 'install', '--no-install-recommends', name];
  const { stdout } = await withLists(() => run('apt-get', simulate), `sudo apt-get install ${name}`);
  return [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, one = '']) => one);
}

/** The package that an empty one such as linux-image-amd64 stands for. */
export async function aptDependency(name: string, pattern: RegExp): Promise<string> {
  const ask = () => run('apt-cache', ['depends', name]);
  const { stdout } = await withLists(ask, 'sudo apt-get update');
  const found = [...stdout.matchAll(/Depends: (\S+)/g)]
    .map(([, one = '']) => one)
    .find((one) => pattern.test(one));
  if (!found) throw new GuestUnavailable(`no guest kernel: package ${name} names no kernel; is this Debian?`);
  return found;
}

/** The lists of packages may be missing (as in container images); only root can get them. */
async function withLists<T>(attempt: () => Promise<T>, line: string): Promise<T> {
  try {
    return await attempt();
  } catch {
    // What it said is said again by the second attempt.
    const update = process.getuid?.() === 0 ? ['apt-get'] : ['sudo', '-n', 'apt-get'];
    await run(update[0] ?? '', [...update.slice(1), '-q', 'update']).catch(() => undefined);
    return attempt().catch((error: Error) => {
      throw new GuestUnavailable(
        `no guest kernel: ${error.message.trim().split('\n').at(-1)}; on Debian, run: ${line} (then this again)`,
      );
    });
  }
}
