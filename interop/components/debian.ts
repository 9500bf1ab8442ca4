import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { moveInto } from '../../lab/guest/apt.ts';
import { ComponentUnavailable } from './unavailable.ts';

const run = promisify(execFile);

/** The release whose packages are taken, whatever the machine itself runs: the last with Kubernetes' whole source. */
const release = 'bookworm';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Packages of Debian, seen through an apt configuration that leaves the system's own alone. */
export interface Debian {
  /** Unpacks binary packages, all into one folder, which appears whole or not at all. Nothing is installed. */
  unpack(packages: readonly string[], place: string): Promise<void>;
  /** Unpacks the upstream part of a source package, without Debian's patches, in the same way. */
  unpackSource(name: string, place: string): Promise<void>;
}

/**
 * @param folder where the package lists are kept
 * @param mirror such as `http://deb.debian.org/debian`
 */
export function debian(folder: string, mirror: string): Debian {
  let prepared: Promise<NodeJS.ProcessEnv> | undefined;
  const withPackages = async (fetch: readonly string[], place: string, unpack: Unpack): Promise<void> => {
    prepared ??= prepare(folder, mirror);
    const work = await mkdtemp(`${place}.`);
    try {
      await apt([...fetch], await prepared, work);
      const unpacked = join(work, 'unpacked');
      await mkdir(unpacked);
      await unpack(await readdir(work), work, unpacked);
      await moveInto(place, unpacked);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  };
  return {
    unpack: (packages, place) =>
      withPackages(['download', ...packages], place, async (files, work, unpacked) => {
        for (const file of files.filter((name) => name.endsWith('.deb')))
          await run('dpkg-deb', ['-x', join(work, file), unpacked]);
      }),
    unpackSource: (name, place) =>
      withPackages(['source', '--download-only', name], place, async (files, work, unpacked) => {
        const archive = files.find((file) => /\.orig\.tar\.\w+$/.test(file));
        if (!archive) throw new ComponentUnavailable(`Debian's source package ${name} has no upstream part`);
        await run('tar', ['-xf', join(work, archive), '-C', unpacked, '--strip-components=1']);
      }),
  };
}

type Unpack = (files: readonly string[], work: string, unpacked: string) => Promise<void>;

/** Lists of packages and sources of our own, as any user may have them. */
async function prepare(folder: string, mirror: string): Promise<NodeJS.ProcessEnv> {
  await mkdir(join(folder, 'lists/partial'), { recursive: true });
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true });
  const line = `[signed-by=${keyring}] ${mirror} ${release} main\n`;
  await writeFile(join(folder, 'sources.list'), `deb ${line}deb-src ${line}`);
  const settings = {
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State': folder,
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
    // Else root downloads as the user _apt, who cannot write into root's folders.
    'APT::Sandbox::User': 'root',
  };
  const text = Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)};\n`);
  await writeFile(join(folder, 'apt.conf'), text.join(''));
  const env = { ...process.env, APT_CONFIG: join(folder, 'apt.conf') };
  await apt(['update', '-o', 'APT::Update::Error-Mode=any'], env, folder);
  return env;
}

async function apt(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  try {
    await run('apt-get', ['-q', ...args], { env, cwd, maxBuffer: 1 << 26 });
  } catch (error) {
    const said =
      error instanceof Error ? error.message.trim().split('\n').slice(-3).join('\n') : String(error);
    throw new ComponentUnavailable(
      `apt-get ${args.join(' ')} failed:\n${said}\n` +
        `Needed are apt-get and dpkg-deb, ${keyring} (package debian-archive-keyring), and Debian's ` +
        'archive (V9S_DEBIAN_MIRROR names another address of it); or name a folder with the programs: V9S_KUBE_BIN=FOLDER',
    );
  }
}
