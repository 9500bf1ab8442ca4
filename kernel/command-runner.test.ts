import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createCommandRunner } from './command-runner.ts';
import { packageRoot } from './package-root.ts';
import { openRequests, type Requests } from './requests.ts';
import { CommandError, createKernel } from './run.ts';
import { createStandingRequests } from './standing-requests.ts';

const program = join(packageRoot, 'node-agent/runtime/shim.pl');
let opened = 0;
let last: Requests | undefined;
const open = () => {
  opened += 1;
  last = openRequests('perl', [program]);
  return last;
};
const runner = createCommandRunner(createStandingRequests(open));
afterAll(() => last?.close());

/** Commands that come together, until they are run by the program. */
async function warm(): Promise<void> {
  for (;;) {
    const ending = runner.run('true', [], undefined);
    if (ending) return void (await ending);
  }
}

test('few commands are left to whoever asks, many start one program', async () => {
  expect(createCommandRunner(createStandingRequests(open)).run('true', [], undefined)).toBeUndefined();
  expect(opened).toBe(0);
  await warm();
  await Promise.all(Array.from({ length: 20 }, () => runner.run('true', [], undefined)));
  expect(opened).toBe(1);
});

test('output, exit code and input are those of the command', async () => {
  await warm();
  const text = 'tab\t, per cent %41, \r\n and ü ☃\n'.repeat(100);
  const ends = await Promise.all([
    runner.run('sh', ['-c', 'echo "$1" >&2; exit 7', 'sh', 'a\tb%0A'], undefined),
    runner.run('cat', [], text),
    runner.run('sh', ['-c', 'kill -9 $$'], undefined),
    runner.run('/no/such/command', [], undefined),
    runner.run('seq', ['100000'], undefined),
    runner.run('true', [], text),
    runner.run('cat', [], undefined),
  ]);
  expect(ends.map((end) => end?.code)).toEqual([7, 0, undefined, 'missing', 0, 0, 0]);
  expect(ends[0]?.stderr).toBe('a\tb%0A\n');
  expect(ends[1]?.stdout).toBe(text);
  expect(ends[4]?.stdout).toHaveLength(588_895);
  expect(ends[6]?.stdout).toBe('');
});

test('what does not fit into a pipe is not for it', async () => {
  await warm();
  expect(runner.run('cat', [], 'x'.repeat(30_000))).toBeUndefined();
});

test('a kernel tells the same of commands, whoever runs them', async () => {
  const tell = async (kernel: ReturnType<typeof createKernel>, file: string, ...args: string[]) => {
    try {
      return await kernel.run(file, args);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      const { message, exitCode, stderr, stdout } = error;
      return { message, exitCode, stderr, stdout };
    }
  };
  const asked: string[] = [];
  const small = createKernel({ helper: ['perl', program], onCommand: ({ file }) => asked.push(file) });
  await Promise.all(Array.from({ length: 16 }, () => small.run('true', [])));
  for (const command of [
    ['sh', '-c', 'echo out; echo err >&2'],
    ['sh', '-c', 'echo out; echo err >&2; exit 3'],
    ['/no/such/command'],
  ] as [string, ...string[]][])
    expect(await tell(small, ...command)).toEqual(await tell(createKernel(), ...command));
  expect(asked).toHaveLength(19);
});

test('the next command starts the program again where it has ended', async () => {
  await warm();
  const before = opened;
  last?.close();
  await expect.poll(() => last?.ended()).toBe(true);
  expect(await runner.run('echo', ['again'], undefined)).toMatchObject({ code: 0, stdout: 'again\n' });
  expect(opened).toBe(before + 1);
});
