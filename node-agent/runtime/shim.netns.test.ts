import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { machine, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attachToContainer } from './attach.ts';
import { planText, type Step } from './container-plan.ts';
import { runtimeScript } from './paths.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-shim-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a program under a shim, in no namespaces but the PID one that every shim makes. */
function start(
  script: string,
  steps: readonly Step[] = [['log', join(folder, 'log'), '1000000', '2']],
  complaint = '',
): void {
  const plan: Step[] = [
    ['arch', machine()],
    ['pid', join(folder, 'pid')],
    ['exit', join(folder, 'exit')],
    ['notify', join(folder, 'notify')],
    ['attach', join(folder, 'attach')],
    ...steps,
    ['env', 'PATH', '/usr/bin:/bin'],
    ['exec', 'sh', '-c', script],
  ];
  writeFileSync(join(folder, 'plan'), planText(plan));
  const result = spawnSync(
    'unshare',
    ['--user', '--map-root-user', 'perl', runtimeScript('shim.pl'), join(folder, 'plan')],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'inherit', 'pipe'],
    },
  );
  expect(result.stderr).toBe(complaint);
}

const ended = () =>
  expect.poll(() => existsSync(join(folder, 'exit')), { timeout: 20_000, interval: 10 }).toBe(true);

describe('shim.pl', () => {
  it('ends a start that hangs, says so, and leaves no process', () => {
    const never = join(folder, 'never');
    spawnSync('mkfifo', [never]);
    const log: Step = ['log', join(folder, 'log'), '1000000', '2'];
    // Nobody ever reads what is to be written there.
    start('true', [log, ['deadline', '1'], ['set', never, '1']], 'context deadline exceeded\n');
    expect(spawnSync('pgrep', ['-f', join(folder, 'plan')], { encoding: 'utf8' }).stdout).toBe('');
  });

  it('puts a full log aside and keeps as many files as it shall', async () => {
    start('seq 1 100000', [['log', join(folder, 'log'), '10000', '3']]);
    await ended();
    const files = readdirSync(folder)
      .filter((name) => name.startsWith('log'))
      .sort();
    expect(files).toEqual(['log', expect.stringMatching(/^log\.\d{8}-\d{6}\.\d{9}$/), expect.any(String)]);
    const [current = '', ...old] = files;
    const numbers = [...old, current].flatMap((name) =>
      readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => Number(line.split(' ')[3])),
    );
    const first = numbers[0] ?? 0;
    expect(numbers).toEqual(Array.from({ length: 100_000 - first + 1 }, (_, index) => first + index));
  });

  it('gives its output and takes its input, until the first who is attached ends that', async () => {
    start('echo started; tr a-z A-Z; echo over >&2; exit 5', [
      ['log', join(folder, 'log'), '1000000', '2'],
      ['stdin', 'once'],
    ]);
    const [one, other] = await Promise.all([attachToContainer(folder), attachToContainer(folder)]);
    other.stdin.write('from the other\n');
    // The shim reads both, in no order: the end comes after what is before it.
    await expect.poll(() => readFileSync(join(folder, 'log'), 'utf8')).toContain('started');
    const said = [one, other].map(async ({ stdout, stderr }) => Promise.all([text(stdout), text(stderr)]));
    one.stdin.end('from one\n');
    await ended();
    for (const [out, err] of await Promise.all(said)) {
      expect(out).toContain('FROM ONE\n');
      expect(err).toBe('over\n');
    }
    expect(readFileSync(join(folder, 'exit'), 'utf8')).toMatch(/^5 0 /);
  });

  it('waits for who is attached and reads slowly, and loses nothing', async () => {
    start('read go; seq 1 300000', [
      ['log', join(folder, 'log'), '1000000', '2'],
      ['stdin', ''],
    ]);
    const attached = await attachToContainer(folder);
    attached.stdin.write('go\n');
    const lines = (await text(attached.stdout)).trim().split('\n');
    expect(lines).toHaveLength(300_000);
    expect(lines.at(-1)).toBe('300000');
  });

  it('notes the end of a program though somebody who is attached does not read', async () => {
    start('read go; exec yes', [
      ['log', join(folder, 'log'), '1000000', '2'],
      ['stdin', ''],
    ]);
    const attached = await attachToContainer(folder);
    attached.stdin.write('go\n');
    // Nobody reads `attached.stdout`, so that soon nothing moves any more.
    let before = 0;
    const rests = () => {
      const changed = statSync(join(folder, 'log')).mtimeMs;
      const same = changed === before;
      before = changed;
      return same;
    };
    await expect.poll(rests, { timeout: 20_000, interval: 300 }).toBe(true);
    const [pid] = readFileSync(join(folder, 'pid'), 'utf8').split(' ');
    process.kill(Number(pid), 'SIGKILL');
    await ended();
    expect(readFileSync(join(folder, 'exit'), 'utf8')).toMatch(/^137 9 /);
    attached.hangUp();
  });
});
