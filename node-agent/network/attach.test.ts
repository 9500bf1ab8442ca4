import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Command, CommandError, type Kernel } from '../../kernel/run.ts';
import { createAttacher } from './attach.ts';
import { podNetwork } from './plan.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attach-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const bridge = { name: 'cni0', mtu: 1450 };
const pods = ['a', 'b', 'c'].map((uid, index) => podNetwork(uid, [`10.244.1.${index + 2}`]));

/** Keeps the commands it is given; what `refuses` says so about fails. */
function recorder(refuses: (command: Command) => boolean = () => false) {
  const commands: Command[] = [];
  const kernel: Kernel = {
    async run(file, args, options) {
      const command = { file, args, input: options?.input ?? '' };
      commands.push(command);
      if (refuses(command)) throw new CommandError(command, 1, 'Command failed -:1', 'failed');
      return { stdout: '', stderr: '' };
    },
  };
  const attach = createAttacher({
    kernel,
    bridge,
    folder,
    podCommands: ({ ips }) => [`address add ${ips[0]}`],
  });
  return { commands, attach };
}

test('pods that come together are one process', async () => {
  const { commands, attach } = recorder();
  await Promise.all(pods.map(attach));
  expect(commands).toHaveLength(1);
  for (const { netns } of pods) {
    expect(commands[0]?.input).toContain(`netns add ${netns}\n`);
    expect(commands[0]?.input).toContain(`netns exec ${netns} ip -batch ${folder}/${netns}.batch\n`);
  }
  expect(readdirSync(folder)).toEqual([]);
});

test('what belongs into a pod waits in a file of its own', async () => {
  let text = '';
  const { attach } = recorder(({ input }) => {
    text = readFileSync(/-batch (\S+)/.exec(input ?? '')?.[1] ?? '', 'utf8');
    return false;
  });
  await attach(podNetwork('a', ['10.244.1.2']));
  expect(text).toBe('address add 10.244.1.2\n');
});

test('when the common batch fails, each pod is built by itself, after what stands in the way is gone', async () => {
  const { commands, attach } = recorder(({ input }) => input?.includes('netns exec') ?? false);
  await Promise.all(pods.map(attach));
  expect(commands).toHaveLength(1 + 3 * 3);
  const [one] = pods;
  const own = commands
    .slice(1)
    .filter(({ args, input }) => [...args, input].join().includes(`${one?.netns}`));
  expect(own.map(({ args }) => args.includes('-force'))).toEqual([true, false, false]);
});

test('a failure that goes on is told to the pod it is about, and to no other', async () => {
  const bad = pods[1]?.netns ?? '';
  const { attach } = recorder(({ input }) => input?.includes(`netns add ${bad}\n`) ?? false);
  const ends = await Promise.allSettled(pods.map(attach));
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
