import type { Case } from '../part.ts';

/** Checks that upstream's script makes between those that it records. */
const between = 'checks between the recorded ones (api-resources, auth can-i, auth reconcile)';

/** Names of the tests that the script records, each once, in their order. */
export function recordedIn(script: string): string[] {
  const names = [...script.matchAll(/^\s*(?:record_command )?(run_\w+_tests?|run_\w+_names)$/gm)];
  return [...new Set(names.map(([, name = '']) => name))];
}

/**
 * What became of each test, by what `record_command` printed.
 *
 * @param expected names of all tests; those that were not begun have failed
 */
export function casesOf(output: string, expected: readonly string[]): Case[] {
  const [, ...parts] = output.split(/^\+\+\+ Running case: test-cmd\.(\S+) *$/m);
  const seen = new Map<string, Case>();
  for (let index = 0; index < parts.length; index += 2) {
    const name = (parts[index] ?? '').replace(/^unrecorded_/, '');
    // It fails on purpose: by that the script knows that it sees failures.
    if (name === 'record_command_canary') continue;
    seen.set(name, caseOf(name, parts[index + 1] ?? ''));
  }
  if (expected.length === 0) return [...seen.values()];
  const cases = expected.map(
    (name): Case => seen.get(name) ?? { name, outcome: 'failed', reason: 'the run ended before it' },
  );
  const complete = cases.every(({ reason }) => reason !== 'the run ended before it');
  const ended: Case = complete
    ? { name: between, outcome: 'passed' }
    : { name: between, outcome: 'failed', reason: lastLines(output, /^!!! .*Call tree/m) };
  return [...cases, ended];
}

function caseOf(name: string, body: string): Case {
  const [, code] = /^\+\+\+ exit code: (\d+)/m.exec(body) ?? [];
  if (code === '0') return { name, outcome: 'passed' };
  return { name, outcome: 'failed', reason: lastLines(body, /^(!!! .*Call tree|\+\+\+ exit code)/m) };
}

/** What was printed last before Bash told where it stopped. */
function lastLines(text: string, end: RegExp): string {
  const [before = ''] = text.split(end);
  const lines = before.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(-4).join(' | ').slice(0, 600);
}
