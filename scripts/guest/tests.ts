import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { GuestUnavailable, runInGuest } from '../../lab/guest/guest.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What vitest's reporter `json` writes, as far as it is looked at. */
interface Report {
  testResults: {
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

/**
 * Runs test files in one guest kernel, and gives each of their tests a test here that ends as it ended there.
 * Where there is no guest kernel, one skipped test says why. `await` it at the top of a test file.
 */
export function testsInGuest(...files: string[]): Promise<void> {
  return testsIn({}, ...files);
}

export interface GuestRun {
  /** Default: User-mode Linux. */
  readonly run?: typeof runInGuest;
  /** What stands in the report for the kernel. */
  readonly kernel?: string;
  /** Of vitest. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; files are imported without a time limit of vitest's. */
  readonly longest?: number;
}

/** The same with another kernel, or for long. */
export async function testsIn(
  { run = runInGuest, kernel = 'a guest kernel', args = [], env = {}, longest = 1_200_000 }: GuestRun,
  ...files: string[]
): Promise<void> {
  const report = join(tmpdir(), `vethernetes-guest-${process.pid}.json`);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const config = join(root, 'scripts/guest/vitest.config.ts');
  const paths = files.map((file) => relative(root, file).split(sep).join('/'));
  try {
    const { exitCode, stdout, stderr } = await run(
      [process.execPath, vitest, 'run', '--root', root, '--config', config, ...paths, ...args].concat(
        '--reporter=json',
        `--outputFile=${report}`,
      ),
      {
        cwd: root,
        output: 'capture',
        env: { ...ownEnvironment(), CI: '1', NO_COLOR: '1', ...env },
        signal: AbortSignal.timeout(longest),
      },
    );
    const said = `${stdout}${stderr}`.slice(-4_000);
    const { testResults }: Report = JSON.parse(
      await readFile(report, 'utf8').catch(() => {
        throw new Error(`vitest in the guest ended with ${exitCode} and no report:\n${said}`);
      }),
    );
    describe(`in ${kernel}`, () => {
      for (const { message, assertionResults } of testResults) {
        if (assertionResults.length === 0) test(message || 'no tests', () => expect.unreachable(message));
        for (const { fullName, status, failureMessages } of assertionResults)
          test(fullName, () => expect(status, failureMessages.join('\n')).toBe('passed'));
      }
    });
  } catch (error) {
    if (!(error instanceof GuestUnavailable)) throw error;
    process.stderr.write(`skipped ${paths.join(', ')}: ${error.message}\n`);
    test.skip(`in ${kernel}: ${error.message}`, () => undefined);
  } finally {
    await rm(report, { force: true });
  }
}

/** Without what the vitest around us has set for itself and its workers. */
function ownEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(VITEST|TEST|NODE_OPTIONS|NODE_ENV|DEV|PROD|SSR|MODE)/.test(name),
    ),
  );
}
