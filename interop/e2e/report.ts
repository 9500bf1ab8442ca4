import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Case } from '../part.ts';

/** The tests that ran, of all JUnit files of a folder; those that the run left out are not among them. */
export async function readReports(folder: string): Promise<Case[]> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const texts = files
    .filter((name) => /^junit_.*\.xml$/.test(name))
    .map((name) => readFile(join(folder, name), 'utf8'));
  return (await Promise.all(texts)).flatMap(casesOf);
}

/** The verdicts in a JUnit file as Ginkgo writes it. A test that was not selected is skipped and took no time at all. */
export function casesOf(xml: string): Case[] {
  const pattern = /<testcase name="([^"]*)"[^>]*? time="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;
  return [...xml.matchAll(pattern)].flatMap(([, rawName = '', time, body = '']): Case[] => {
    const name = unescaped(rawName).trim();
    const failure = /<failure [^>]*>([\s\S]*?)<\/failure>/.exec(body)?.[1];
    if (failure !== undefined) return [{ name, outcome: 'failed', reason: shortened(unescaped(failure)) }];
    if (!body.includes('<skipped>')) return [{ name, outcome: 'passed' }];
    return time === '0' ? [] : [{ name, outcome: 'skipped' }];
  });
}

/** Why tests skipped themselves, by name, from what Ginkgo printed. */
export function skipReasons(log: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, text = ''] of log.matchAll(/^S \[SKIPPING\].*\n([\s\S]*?)\n-{10,}$/gm)) {
    const lines = text
      .split('\n')
      .filter((line) => !/^\s*(\/|_output|vendor|k8s\.io|test)\S*:\d+$/.test(line));
    const at = lines.findIndex((line) => line.trim() === '');
    const name = lines.slice(0, at).map((line) => line.trim().replace(/ \[(It|BeforeEach)\]$/, ''));
    const reason = lines.slice(at + 1).find((line) => line.trim() !== '');
    if (reason) found.set(name.join(' '), reason.trim().replace(/^\w+ \d+ [\d:.]+: /, ''));
  }
  return found;
}

/** Between the two code locations stands what was said. */
function shortened(failure: string): string {
  const lines = failure
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\S+\.go:\d+$/.test(line.trim()));
  const text = lines
    .join(' ')
    .replaceAll(/\s+/g, ' ')
    .replace(/^\w{3} +\d+ [\d:.]+: /, '');
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const unescaped = (text: string) =>
  text.replaceAll(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (all, decimal, hex, name) =>
    name
      ? (entities[name] ?? all)
      : String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hex, 16)),
  );
