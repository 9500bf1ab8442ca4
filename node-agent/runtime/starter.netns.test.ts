import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { machine, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRequests } from '../../kernel/requests.ts';
import { createKernel, type Kernel } from '../../kernel/run.ts';
import { planText } from './container-plan.ts';
import { runtimeScript } from './paths.ts';
import { ContainerStartError, createStarter } from './starter.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-starter-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As root of a user namespace, which an ordinary user may be too. */
const inside: [string, ...string[]] = [
  'unshare',
  '--user',
  '--map-root-user',
  'perl',
  runtimeScript('shim.pl'),
];

const createTestKernel = (asked: string[] = []): Kernel =>
  createKernel({ helper: inside, onCommand: ({ args }) => asked.push(args.at(-1) ?? '') });

function writePlan(name: string, ...command: string[]): string {
  const own = join(folder, name);
  const steps = [
    ['arch', machine()],
    ['log', `${own}.log`, '1000000', '2'],
    ['pid', `${own}.pid`],
    ['exit', `${own}.exit`],
    ['notify', `${own}.notify`],
    ['attach', `${own}.attach`],
    ['env', 'PATH', '/usr/bin:/bin'],
    ['exec', ...command],
  ] as const;
  writeFileSync(`${own}.plan`, planText(steps));
  return `${own}.plan`;
}

const ended = (name: string) =>
  expect.poll(() => existsSync(join(folder, `${name}.exit`)), { timeout: 20_000, interval: 10 }).toBe(true);

test('starts many at a time, each with its own end, log and answer', async () => {
  const asked: string[] = [];
  const start = createStarter(createTestKernel(asked));
  const names = Array.from({ length: 20 }, (_, index) => `c${index}`);
  const results = await Promise.allSettled(
    names.map((name, index) =>
      start(
        index % 5 === 4
          ? writePlan(name, `/no/such\tprogram%${index}`)
          : writePlan(name, 'sh', '-c', `echo I am ${name}; exit ${index}`),
      ),
    ),
  );
  for (const [index, name] of names.entries()) {
    const result = results[index];
    if (index % 5 === 4) {
      const why = result?.status === 'rejected' ? (result.reason as unknown) : undefined;
      expect(why).toBeInstanceOf(ContainerStartError);
      expect((why as Error).message).toBe(`exec: "/no/such\tprogram%${index}": no such file or directory`);
      continue;
    }
    expect(result?.status).toBe('fulfilled');
    await ended(name);
    expect(readFileSync(join(folder, `${name}.log`), 'utf8')).toMatch(
      new RegExp(`stdout F I am ${name}\\n$`),
    );
    expect(readFileSync(join(folder, `${name}.exit`), 'utf8')).toMatch(new RegExp(`^${index} 0 `));
  }
  expect(asked.filter((plan) => plan.endsWith('.plan'))).toHaveLength(names.length);
});

test('a plan that is not there is told, and others go on', async () => {
  const start = createStarter(createTestKernel());
  await expect(start(join(folder, 'none'))).rejects.toThrow(`open ${folder}/none: No such file or directory`);
  await start(writePlan('after', 'true'));
  await ended('after');
});

test('what was started outlives the process that started it', async () => {
  const [file, ...args] = inside;
  const opened = openRequests(file, args);
  await opened.ask(writePlan('c', 'sleep', '1000'));
  opened.close();
  await expect.poll(() => opened.ended(), { timeout: 20_000, interval: 10 }).toBe(true);
  const [pid, start] = readFileSync(join(folder, 'c.pid'), 'utf8').split(/\s/);
  expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(` ${start} `);
  process.kill(Number(pid), 'SIGKILL');
  await ended('c');
  expect(readFileSync(join(folder, 'c.exit'), 'utf8')).toMatch(/^137 9 /);
});
