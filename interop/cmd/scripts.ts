import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** How upstream's scripts are run. */
export interface ScriptOptions {
  /** Kubernetes' sources; nothing is written into them. */
  source: string;
  /** A folder of the run's own. */
  folder: string;
  /** Paths by the names that the scripts call them by. */
  programs: Readonly<Record<string, string>>;
  servers: { port: number; certificate: string };
  /** Names of single tests; empty: all. */
  only: readonly string[];
  say(line: string): void;
}

const script = new URL('test-cmd.sh', import.meta.url).pathname;

/** @returns what the scripts printed */
export async function runScripts(options: ScriptOptions): Promise<string> {
  const { source, folder, programs, servers, only, say } = options;
  const root = await shadow(source, join(folder, 'kubernetes'));
  const bin = join(root, '_output/local/bin', `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`);
  await mkdir(bin, { recursive: true });
  for (const [name, path] of Object.entries(programs)) await symlink(path, join(bin, name));
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  // kube-apiserver is told to keep its certificates there.
  await writeFile(join(temporary, 'apiserver.crt'), servers.certificate);
  const env = {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    TERM: 'dumb',
    HOME: temporary,
    TMPDIR: temporary,
    KUBE_JUNIT_REPORT_DIR: join(temporary, 'junit'),
    SECURE_API_PORT: String(servers.port),
    WHAT: only.join(' '),
    // Upstream's own switch for a kubectl that is not of the server's release.
    ALLOW_SKEW: 'true',
    // The tests put folders on PATH that are relative, where Go finds no programs since 1.19.
    GODEBUG: 'execerrdot=0',
  };
  const child = spawn('bash', ['-c', 'exec bash "$0" 2>&1', script], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reading = createInterface({ input: child.stdout });
  reading.on('line', (line) => {
    lines.push(line);
    const [, name] = /^Recording: (run_\S+)/.exec(line) ?? [];
    if (name) say(name);
  });
  await Promise.all([once(child, 'close'), once(reading, 'close')]);
  return lines.join('\n');
}

/** The same tree by links, in which the scripts may write beside what is there. */
async function shadow(source: string, place: string): Promise<string> {
  await mkdir(place);
  for (const name of await readdir(source)) {
    if (name !== '_output') await symlink(join(source, name), join(place, name));
  }
  return place;
}
