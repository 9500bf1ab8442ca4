import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test, vi } from 'vitest';
import { createKernel } from './run.ts';

const kernel = createKernel();
/** More than any pipe or socket holds; the length of a line divides no size of a buffer. */
const lines = Array.from({ length: 40_000 }, (_, i) => `-a -t 10.96.0.10:80 -r 10.244.${i}\n`).join('');

test('whole lines: all of them arrive, a last one without an end and long ones too', async () => {
  const input = `${lines}${'x'.repeat(10_000)}\n${lines}last`;
  expect((await kernel.run('cat', [], { input, wholeLines: true })).stdout).toBe(input);
  expect((await kernel.run('cat', [], { input: '', wholeLines: true })).stdout).toBe('');
});

test('whole lines: a command that is not there, or ends before it has read them, says so', async () => {
  const given = { input: lines, wholeLines: true };
  await expect(kernel.run('no-such-command', [], given)).rejects.toThrow('command not found');
  await expect(kernel.run('sh', ['-c', 'echo enough >&2; exit 3'], given)).rejects.toThrow('enough');
  expect((await kernel.run('true', [], given)).stdout).toBe('');
});

test('whole lines: whoever is killed while it writes leaves no part of a line', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'v9s-run-'));
  try {
    const seen = join(folder, 'seen');
    // It reads nothing until the writer is dead, so that what the writer got rid of is all there is.
    const reader = `echo started; while kill -0 $1 2>/dev/null; do sleep 0.05; done; cat > ${seen}; mv ${seen} ${seen}.whole`;
    const script = `
      import { createKernel } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, 'run.ts')).href)};
      const input = ${JSON.stringify(lines)};
      void createKernel().run('sh', ['-c', ${JSON.stringify(reader)}, 'sh', String(process.pid)], { input, wholeLines: true });
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 500);`;
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const writer = spawn(process.execPath, ['--import', tsx, '--input-type=module'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    writer.stdin.end(script);
    expect(await once(writer, 'exit')).toEqual([null, 'SIGKILL']);
    const text = await vi.waitFor(() => readFile(`${seen}.whole`, 'utf8'), { timeout: 20_000 });
    expect(text.length).toBeGreaterThan(4_096);
    expect(text.length).toBeLessThan(lines.length);
    expect(lines.startsWith(text)).toBe(true);
    expect(text.at(-1)).toBe('\n');
  } finally {
    await rm(folder, { recursive: true });
  }
});
