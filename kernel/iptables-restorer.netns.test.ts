import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { iptablesSave, RestoreError } from './iptables.ts';
import { createRestorer, type Restorer } from './iptables-restorer.ts';
import { type Command, createKernel, type Kernel } from './run.ts';
import { type KernelSandbox, startKernelSandbox } from './testing/sandbox.ts';

let sandbox: KernelSandbox;
let restorer: Restorer;
let kernel: Kernel;
let opened: Command[] = [];

beforeAll(async () => {
  sandbox = await startKernelSandbox();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

beforeEach(async () => {
  kernel = sandbox.kernel;
  opened = sandbox.opened;
  opened.length = 0;
  restorer = createRestorer(kernel, 'IPv4');
  await restorer.restore(nat(':A - [0:0]', '-A A -p tcp -j RETURN'));
});
afterEach(async () => {
  restorer.close();
  await kernel.run('iptables', ['-t', 'nat', '-F', 'A']);
});

const nat = (...lines: string[]) => `*nat\n${lines.join('\n')}\nCOMMIT\n`;
const rulesOf = async (chain: string) =>
  (await iptablesSave(kernel, 'IPv4')).split('\n').filter((line) => line.startsWith(`-A ${chain} `));

test('the first batch has a process of its own, all others one together, each in force when it resolves', async () => {
  expect(opened).toHaveLength(0);
  for (const protocol of ['udp', 'icmp', 'esp']) {
    await restorer.restore(nat(':A - [0:0]', `-A A -p ${protocol} -j RETURN`));
    expect(await rulesOf('A')).toEqual([`-A A -p ${protocol} -j RETURN`]);
  }
  expect(opened).toHaveLength(1);
});

test('what others changed between two batches is seen', async () => {
  await restorer.restore(nat('-A A -p udp -j RETURN'));
  await kernel.run('iptables', ['-t', 'nat', '-I', 'A', '1', '-p', 'icmp', '-j', 'RETURN']);
  await restorer.restore(nat('-D A 1'));
  expect(await rulesOf('A')).toEqual(['-A A -p tcp -j RETURN', '-A A -p udp -j RETURN']);
});

test('a refused batch names its line, changes nothing, and the next one is taken', async () => {
  await restorer.restore(nat('-A A -p udp -j RETURN'));
  const refused = restorer.restore(nat('-A A -p esp -j RETURN', '-A NO-SUCH-CHAIN -j RETURN'));
  await expect(refused).rejects.toThrow(RestoreError);
  await expect(refused).rejects.toMatchObject({ line: expect.stringMatching(/NO-SUCH-CHAIN|COMMIT/) });
  await restorer.restore(nat('-A A -p icmp -j RETURN'));
  expect(await rulesOf('A')).toEqual(['tcp', 'udp', 'icmp'].map((one) => `-A A -p ${one} -j RETURN`));
  expect(opened).toHaveLength(2);
});

test('a large batch has a process of its own', async () => {
  const comments = Array.from({ length: 700 }, () => `# ${'x'.repeat(100)}`);
  await restorer.restore(nat(...comments, '-A A -p udp -j RETURN'));
  expect(opened).toHaveLength(0);
  expect(await rulesOf('A')).toHaveLength(2);
});

test('where no process can be talked to, each batch has its own', async () => {
  const { run } = kernel;
  const other = createRestorer(
    {
      run,
      open: async () => {
        const session = await createKernel().open?.('/nonexistent/iptables-restore', []);
        if (!session) throw new Error('no sessions');
        return session;
      },
    },
    'IPv4',
  );
  for (const protocol of ['udp', 'icmp', 'esp']) await other.restore(nat(`-A A -p ${protocol} -j RETURN`));
  expect(await rulesOf('A')).toHaveLength(4);
});
