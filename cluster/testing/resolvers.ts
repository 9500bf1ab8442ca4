import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../kernel/package-root.ts';
import { findCommand } from '../../lab/doctor.ts';
import { aptDownload } from '../../lab/guest/apt.ts';
import { cacheFolder } from '../../scripts/bootstrap/cache.mjs';

export type RecordType = 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR' | 'SOA' | 'SRV' | 'TXT';
export type Protocol = 'udp' | 'tcp';

/** What programs in a pod ask with. */
export interface Resolver {
  name: string;
  types: readonly RecordType[];
  protocols: readonly Protocol[];
  /** Whether it makes short names whole. */
  searches: boolean;
  /** A program to be put into `/tmp` of the pod first. */
  program?: string;
  /** The shell line that asks; a PTR is asked for by address. */
  line(type: RecordType, name: string, protocol: Protocol): string;
  /** The data in what it prints. */
  read(output: string): string[];
}

const everyType: readonly RecordType[] = ['A', 'AAAA', 'CNAME', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'];
const hostTypes: readonly RecordType[] = ['A', 'AAAA', 'PTR'];
const both: readonly Protocol[] = ['udp', 'tcp'];
const lines = (output: string) => output.split('\n').filter(Boolean);

/** Whether the search path has to make a name whole. */
export const isShort = (name: string): boolean => !/cluster\.local$|:|^[\d.]+$/.test(name);

/** For glibc: one connection instead of datagrams. See resolv.conf(5). */
const glibcOptions = { udp: '', tcp: 'RES_OPTIONS=use-vc ' } as const;

const dig: Resolver = {
  name: 'dig',
  types: everyType,
  protocols: both,
  searches: true,
  line: (type, name, protocol) =>
    `dig +short ${isShort(name) ? '+search ' : ''}${protocol === 'tcp' ? '+tcp' : '+notcp'} ${type === 'PTR' ? '-x' : type} ${name}`,
  read: lines,
};

const getent: Resolver = {
  name: "glibc's getent",
  types: hostTypes,
  protocols: both,
  searches: true,
  line(type, name, protocol) {
    const database = { A: 'ahostsv4', AAAA: 'ahostsv6' }[type as string] ?? 'hosts';
    return `${glibcOptions[protocol]}getent ${database} ${name} | awk '{ print $${type === 'PTR' ? 2 : 1} }'`;
  },
  read: lines,
};

const asking = (name: string, program: string, protocols: readonly Protocol[]): Resolver => ({
  name,
  program,
  types: everyType,
  protocols,
  searches: true,
  line: (type, question, protocol) =>
    `${glibcOptions[protocol]}/tmp/${program.split('/').at(-1)} ${type} ${question}`,
  read: lines,
});

const busybox = (program: string): Resolver => ({
  name: "busybox's nslookup",
  program,
  types: everyType,
  protocols: ['udp'],
  searches: false,
  line: (type, name) => `/tmp/busybox nslookup ${type === 'PTR' ? '' : `-type=${type} `}${name}`,
  // The server comes first, with an Address, too; a CNAME on the way to an address is told as well.
  read: (output) =>
    lines(output.split('\n\n').slice(1).join('\n')).flatMap((line) => {
      const data =
        /^Address: (\S+)$|^\S+\t(?:service|text|name|nameserver|canonical name) = (.+)$|^\torigin = (\S+)$/;
      const [, ...found] = data.exec(line) ?? [];
      return found.filter((each) => each !== undefined);
    }),
});

const run = promisify(execFile);

/**
 * All resolvers that can be had here: of the machine, and of Debian's packages musl-dev and busybox-static, which are
 * kept in the user's cache folder. What cannot be had is told by `skip`.
 */
export async function findResolvers(folder: string, skip: (reason: string) => void): Promise<Resolver[]> {
  const found = [dig, getent];
  const source = join(packageRoot, 'cluster/testing/ask.c');
  const hasCompiler = findCommand('gcc') !== undefined;
  if (!hasCompiler) skip('there is no gcc for a program that asks by the C libraries');
  if (hasCompiler) {
    const program = join(folder, 'ask-glibc');
    await run('gcc', ['-O1', '-o', program, source, '-lresolv']);
    found.push(asking("glibc's resolver", program, both));
  }
  try {
    const packages = await debianPackages();
    found.push(busybox(join(packages, 'bin/busybox')));
    if (!hasCompiler) return found;
    const program = join(folder, 'ask-musl');
    await run('gcc', muslArguments(packages, source, program));
    // It falls back to TCP by itself only from 1.2.4 on, and never begins with it.
    found.push(asking("musl's resolver", program, ['udp']));
  } catch (error) {
    skip(`neither busybox nor musl can be had: ${(error as Error).message}`);
  }
  return found;
}

/** A static program, as musl-gcc would make it. */
function muslArguments(packages: string, source: string, program: string): string[] {
  const [library = ''] = readdirSync(join(packages, 'usr/lib')).filter((name) =>
    name.endsWith('-linux-musl'),
  );
  const part = (name: string) => join(packages, 'usr/lib', library, name);
  return [
    ...['-O1', '-static', '-fno-stack-protector', '-o', program],
    ...['-nostdinc', '-isystem', join(packages, 'usr/include', library), '-nostdlib'],
    ...[part('crt1.o'), part('crti.o'), source, part('libc.a'), '-lgcc', part('crtn.o')],
  ];
}

/** Unpacked; downloaded once. */
async function debianPackages(): Promise<string> {
  const cached = join(cacheFolder(), 'resolvers');
  if (existsSync(cached)) return cached;
  mkdirSync(cacheFolder(), { recursive: true });
  const work = mkdtempSync(`${cached}-`);
  try {
    await aptDownload(work, ['musl-dev', 'busybox-static']);
    for (const name of readdirSync(work))
      await run('dpkg-deb', ['-x', join(work, name), join(work, 'unpacked')]);
    renameSync(join(work, 'unpacked'), cached);
    return cached;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
