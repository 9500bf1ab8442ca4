import { expect, test } from 'vitest';
import { BatchError, bridgeBatch, failedLines, ipBatch, netnsPath } from './ip.ts';
import { type Command, CommandError, createKernel, type Kernel } from './run.ts';

test('a batch is one command with the lines as its input', async () => {
  const commands: Command[] = [];
  const kernel = createKernel({ dryRun: true, onCommand: (command) => commands.push(command) });
  await ipBatch(kernel, ['link set lo up', 'route show'], { netns: 'worker', force: true });
  await bridgeBatch(kernel, ['fdb show'], { json: true });
  await ipBatch(kernel, []);
  expect(commands).toEqual([
    {
      file: 'nsenter',
      args: ['--net=/run/netns/worker', 'ip', '-force', '-batch', '-'],
      input: 'link set lo up\nroute show\n',
    },
    { file: 'bridge', args: ['-json', '-batch', '-'], input: 'fdb show\n' },
  ]);
});

test('a failure names the line and what the tool said', async () => {
  const stderr = 'Cannot find device "eth7"\nCommand failed -:2\n';
  const kernel: Kernel = {
    run: async (file, args, options) => {
      throw new CommandError({ file, args, input: options?.input ?? '' }, 1, stderr, 'failed');
    },
  };
  const error = await ipBatch(kernel, ['link set lo up', 'addr add 10.0.0.1/24 dev eth7']).catch((e) => e);
  expect(error).toBeInstanceOf(BatchError);
  expect(error.message).toBe('ip addr add 10.0.0.1/24 dev eth7: Cannot find device "eth7"');
});

test('with -force every failed line is found', () => {
  const stderr =
    'RTNETLINK answers: File exists\nCommand failed -:1\nError: a.\nError: b.\nCommand failed -:3\n';
  expect(failedLines('one\ntwo\nthree\n', stderr)).toEqual([
    { number: 1, line: 'one', message: 'File exists' },
    { number: 3, line: 'three', message: 'a.; b.' },
  ]);
});

test('a name is a namespace below /run/netns, a path is itself', () => {
  expect(netnsPath('worker')).toBe('/run/netns/worker');
  expect(netnsPath('/proc/42/ns/net')).toBe('/proc/42/ns/net');
});
