import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Expected, Row, Table } from './table.ts';

/** Where a table is played. */
export interface Stage {
  kubectl: string;
  /** As in 1.33: 33. */
  minor: number;
  url: string;
  /** JSON, whose context has the given namespace. */
  kubeconfig(namespace: string): string;
  /** Put in place of these words wherever they stand in a table. */
  words: Readonly<Record<string, string>>;
}

export interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

const patience = 15_000;

/**
 * Runs a table's commands one after another.
 * @param seen is told what each printed
 * @returns of each row that came out otherwise than it says, what was wrong
 */
export async function play(
  table: Table,
  stage: Stage,
  namespace: string,
  seen: (row: Row, outcome: Outcome) => void = () => undefined,
): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'v9s-kubectl-'));
  const words = { ...stage.words, NAMESPACE: namespace, URL: stage.url };
  const put = (text: string) =>
    text.replace(
      new RegExp(`\\b(${Object.keys(words).join('|')})\\b`, 'g'),
      (word) => words[word as 'URL'] ?? word,
    );
  try {
    mkdirSync(join(folder, 'empty'));
    writeFileSync(join(folder, 'kubeconfig'), stage.kubeconfig(namespace));
    for (const [name, text] of Object.entries(table.files ?? {}))
      writeFileSync(join(folder, name), name.endsWith('.yaml') ? `# YAML\n${put(text)}` : put(text));
    const wrong: string[] = [];
    for (const row of table.rows) {
      if (stage.minor < (row.since ?? 0) || stage.minor > (row.until ?? Infinity)) continue;
      const outcome = await settle(row, put, stage, folder);
      seen(row, outcome);
      const problem = problemOf(row, outcome, stage.minor, put);
      if (problem) wrong.push(`${put(row.command)}: ${problem}`);
    }
    return wrong;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Asks again, where a controller has something to do first. */
async function settle(
  row: Row,
  put: (text: string) => string,
  stage: Stage,
  folder: string,
): Promise<Outcome> {
  const until = Date.now() + patience;
  for (;;) {
    const outcome = await run(row, put, stage, folder);
    const isDone = !row.eventually || !problemOf(row, outcome, stage.minor, put);
    if (isDone || Date.now() > until) return outcome;
    await delay(100);
  }
}

function run(row: Row, put: (text: string) => string, stage: Stage, folder: string): Promise<Outcome> {
  const child = spawn(stage.kubectl, wordsOf(put(row.command)), {
    cwd: folder,
    env: {
      // Without plugins, which the machine may have.
      PATH: `/usr/bin:/bin`,
      HOME: folder,
      KUBECONFIG: join(folder, 'kubeconfig'),
      // Short-lived as it is, it need not collect its garbage: that halves what hundreds of them cost.
      GOGC: 'off',
      GOMAXPROCS: '1',
      ...row.env,
      ...(row.command.startsWith('plugin') ? { PATH: join(folder, 'empty') } : {}),
    },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
    if (row.stops && !problemOf(row, { code: 0, out: out.trim(), err: '' }, stage.minor, put)) child.kill();
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  child.stdin.end(put(row.stdin ?? ''));
  const limit = row.stops ? setTimeout(() => child.kill(), patience) : undefined;
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ code: row.stops ? 0 : code, out: out.trim(), err: row.stops ? '' : err.trim() });
    });
  });
}

/** Undefined where all is as the row says. Standard error must be empty where it says nothing of it and the command succeeds. */
function problemOf(
  row: Row,
  outcome: Outcome,
  minor: number,
  put: (text: string) => string,
): string | undefined {
  const { code = 0 } = row;
  const wanted = (expected: Row['out']) => (typeof expected === 'function' ? expected(minor) : expected);
  const [out, err] = [wanted(row.out), wanted(row.err) ?? (code === 0 ? noise : undefined)];
  const told = `exit ${outcome.code}\n${outcome.out.slice(0, 1500)}\n${outcome.err.slice(0, 800)}`;
  if (outcome.code !== code) return `want exit ${code}, got ${told}`;
  if (!has(outcome.out, out, put)) return `want on stdout ${String(out)}, got ${told}`;
  if (!has(outcome.err, err, put)) return `want on stderr ${String(err)}, got ${told}`;
  return undefined;
}

/** Kubectl's own words on what it will do in a later release. */
const noise = /^((W\d{4}|warning:|Warning:|WARNING:|Flag --)[^\n]*\n?)*$/;

function has(text: string, expected: Expected | undefined, put: (text: string) => string): boolean {
  if (expected === undefined) return true;
  if (typeof expected === 'string') return text === put(expected);
  return new RegExp(put(expected.source), expected.flags).test(text);
}

/** As a shell would, which nobody needs otherwise. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));
}
