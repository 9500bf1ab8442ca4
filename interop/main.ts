/** `npm run test:interop [-- NAME [OPTION…]]`: lets upstream's own programs judge, one part or all of them. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { component } from './components/components.ts';
import { keepResult, writeFidelity } from './fidelity.ts';
import type { Part, PartResult } from './part.ts';

const parts = fileURLToPath(new URL('parts/', import.meta.url));
const names = (await readdir(parts))
  .filter((file) => /^[\w-]+\.ts$/.test(file))
  .map((file) => file.replace(/\.ts$/, ''))
  .sort();

const [wanted, ...options] = process.argv.slice(2);
if (wanted === undefined || names.includes(wanted)) {
  let unexplained = 0;
  for (const name of wanted === undefined ? names : [wanted]) unexplained += await judge(name, options);
  process.exitCode = unexplained > 0 ? 1 : 0;
} else {
  for (const name of names) console.error(`${name.padEnd(12)} ${(await load(name)).title}`);
  process.exitCode = wanted.startsWith('-') ? 0 : 2;
}

async function load(name: string): Promise<Part> {
  const { part } = (await import(new URL(`parts/${name}.ts`, import.meta.url).href)) as { part: Part };
  return part;
}

/** Runs one part, keeps what came out, and tells how many cases failed that no deviation explains. */
async function judge(name: string, options: readonly string[]): Promise<number> {
  const part = await load(name);
  const say = (line: string) => console.log(`${name}: ${line}`);
  say(part.title);
  const folder = await mkdtemp(join(tmpdir(), `v9s-interop-${name}-`));
  const started = Date.now();
  try {
    const ran = await part.run({ folder, options, say, component: (which) => component(which, { say }) });
    const seconds = Math.round((Date.now() - started) / 1000);
    const result = { ...ran, ended: new Date().toISOString(), seconds };
    const unexplained = report(result, say);
    const kept = part.keptAs ? part.keptAs(options) : [name, ...options].join(' ');
    if (kept !== undefined) keepResult(kept, result);
    writeFidelity();
    return unexplained;
  } catch (error) {
    say(`could not be run: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function report(result: PartResult, say: (line: string) => void): number {
  const known = new Map(result.deviations.map(({ what, reason }) => [what, reason]));
  const failed = result.cases.filter(({ outcome }) => outcome === 'failed');
  for (const { name, reason } of failed)
    say(`FAILED ${name}\n    ${known.get(name) ?? reason ?? 'no reason was told'}`);
  const count = (outcome: string) => result.cases.filter((one) => one.outcome === outcome).length;
  const unexplained = failed.filter(({ name }) => !known.has(name)).length;
  say(
    `${count('passed')} passed, ${count('failed')} failed (${unexplained} of them without a known reason), ` +
      `${count('skipped')} skipped; ${result.component}, ${result.seconds} s`,
  );
  return unexplained;
}
