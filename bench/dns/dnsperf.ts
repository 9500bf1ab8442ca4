import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Load } from './load.ts';

/** What dnsperf saw of one run. */
export interface Run {
  completed: number;
  lost: number;
  perSecond: number;
}

/** `most` queries a second, or as many as the server answers with 100 of them under way. */
export interface Pace {
  folder: string;
  seconds: number;
  most?: number;
}

/**
 * Drives a server for some seconds. Throws where dnsperf is not there, and where the server's answers are not those
 * that were to be measured; without `rcodes` all are right.
 */
export async function drive(
  { host, port }: { host: string; port: number },
  name: string,
  { queries, rcodes, how = [] }: Pick<Load, 'queries' | 'how'> & { rcodes?: string[] },
  { folder, seconds, most }: Pace,
): Promise<Run> {
  const file = join(folder, 'queries');
  writeFileSync(file, `${queries.join('\n')}\n`);
  const where = ['-s', host, '-p', String(port), '-d', file, ...how];
  const pace = ['-c', '10', '-q', '100', '-T', '1', '-l', String(seconds)];
  const text = await dnsperf([...where, ...pace, ...(most ? ['-Q', String(most)] : [])]);
  const figure = (label: string) =>
    Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(text)?.[1] ?? Number.NaN);
  const seen = /Response codes:\s+(.*)/.exec(text)?.[1] ?? 'no answer at all';
  const wrong = [...seen.matchAll(/([A-Z]+) \d+/g)].filter(([, rcode = '']) => !rcodes?.includes(rcode));
  const completed = figure('Queries completed');
  if (!(completed > 0) || (rcodes && wrong.length > 0))
    throw new Error(
      `${name} at ${host}:${port} gave ${seen} instead of ${rcodes?.join(', ')}: does it serve the objects of "npm run bench -- dns objects"?`,
    );
  return { completed, lost: figure('Queries lost'), perSecond: figure('Queries per second') };
}

async function dnsperf(args: readonly string[]): Promise<string> {
  const child = spawn('dnsperf', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk;
  });
  try {
    const [status] = await once(child, 'close');
    if (status !== 0) throw new Error(`dnsperf: ${errors.trim() || text.trim()}`);
    return text;
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw isMissing ? new Error(missing) : error;
  }
}

const missing = `dnsperf is missing: sudo apt-get install dnsperf
or, without root: apt-get download dnsperf libldns3 && for i in *.deb; do dpkg-deb -x $i dnsperf; done
and then: PATH=$PWD/dnsperf/usr/bin:$PATH LD_LIBRARY_PATH=$PWD/dnsperf/usr/lib/$(uname -m)-linux-gnu npm run bench -- dns`;
