import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endAs, start } from './start.mjs';

/** What `npm test` runs when nothing is named: everything but the long tests. */
const usual = ['unit', 'netns'];

/**
 * Runs the linter, the type checker and the tests with the given Node.js, and ends as they ended.
 * With `V9S_TEST_REPORT=FILE`, writes `{ passed, failed }` there for `.ci/run`.
 *
 * @param {string} root @param {string} node @param {readonly string[]} args
 *   projects of vitest.config.ts to run (`unit`, `netns`, `soak`), then any arguments for vitest
 */
export async function test(root, node, args) {
  const named = args.filter((word) => ['unit', 'netns', 'soak'].includes(word));
  const rest = args.filter((word) => !named.includes(word));
  const checks =
    named.length > 0
      ? []
      : [
          '@biomejs/biome/bin/biome check .',
          'typescript/bin/tsc -p .',
          'typescript/bin/tsc -p tsconfig.scripts.json',
        ];
  let failed = 0;
  for (const check of checks) {
    const [script = '', ...words] = check.split(' ');
    const ending = await start(node, [join(root, 'node_modules', script), ...words], { cwd: root });
    if (ending.signal) return endAs(ending);
    if (ending.code !== 0) failed += 1;
  }
  const report = join(tmpdir(), `vethernetes-test-${process.pid}.json`);
  const projects = (named.length > 0 ? named : usual).flatMap((project) => ['--project', project]);
  const wanted = process.env.V9S_TEST_REPORT;
  const reporters = wanted ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const ending = await start(node, [vitest, 'run', ...projects, ...reporters, ...rest], { cwd: root });
  if (wanted) {
    const totals = totalsOf(report, ending);
    rmSync(report, { force: true });
    const all = { passed: totals.passed + checks.length - failed, failed: totals.failed + failed };
    writeFileSync(wanted, JSON.stringify(all));
  }
  endAs(ending.code === 0 && failed > 0 ? { ...ending, code: 1 } : ending);
}

/** A file that could not be loaded, or an error outside of all tests, is a failure that vitest's numbers do not count. */
function totalsOf(report, ending) {
  const counted = { passed: 0, failed: 0 };
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const broken = testResults.filter(
      ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
    );
    counted.passed = numPassedTests;
    counted.failed = numFailedTests + broken.length;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error; // vitest ended before it could report
  }
  if (ending.code !== 0 && counted.failed === 0) counted.failed = 1;
  return counted;
}
