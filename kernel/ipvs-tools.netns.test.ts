import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { IpsetError } from './ipset.ts';
import { createIpvsTools, type IpvsTools } from './ipvs-tools.ts';
import { CommandError, createKernel } from './run.ts';
import { type KernelSandbox, startKernelSandbox } from './testing/sandbox.ts';

// Servers of IPVS are tried where there is IPVS: dataplane/ipvs/ipvs.netns.test.ts.
let sandbox: KernelSandbox;
let tools: IpvsTools;
beforeAll(async () => {
  sandbox = await startKernelSandbox();
  await sandbox.kernel.run('ip', ['link', 'add', 'dev0', 'type', 'veth', 'peer', 'name', 'dev1']);
});
afterAll(() => sandbox[Symbol.asyncDispose]());

beforeEach(async () => {
  tools = createIpvsTools(sandbox.kernel);
  await sandbox.kernel.run('ipset', ['destroy']);
  await sandbox.kernel.run('ip', ['address', 'flush', 'dev', 'dev0']);
  await tools.sets('create s hash:ip\n');
  await tools.addresses(['address add 10.96.0.1/32 dev dev0']);
  sandbox.opened.length = 0;
});

const entries = async () =>
  Array.from(
    (await sandbox.kernel.run('ipset', ['save'])).stdout.matchAll(/^add s (.*)/gm),
    ([, ip]) => ip,
  ).sort();
const addresses = async () =>
  Array.from(
    (await sandbox.kernel.run('ip', ['address', 'show', 'dev0'])).stdout.matchAll(/inet (\S+)/g),
    ([, ip]) => ip,
  );

test('after the first batch one process stays for each tool, and a batch is in force when it resolves', async () => {
  await tools.sets('add s 10.0.0.1\n');
  expect(await entries()).toEqual(['10.0.0.1']);
  await tools.sets('add s 10.0.0.2\nadd s 10.0.0.1\ndel s 10.0.0.9\n');
  expect(await entries()).toEqual(['10.0.0.1', '10.0.0.2']);
  await tools.addresses(['address add 10.96.0.2/32 dev dev0', 'address del 10.96.0.1/32 dev dev0']);
  await tools.addresses(['address add 10.96.0.3/32 dev dev0']);
  expect(await addresses()).toEqual(['10.96.0.2/32', '10.96.0.3/32']);
  expect(sandbox.opened).toHaveLength(2);
});

test('what is refused is told, and the next batch is taken', async () => {
  const refused = tools.sets('add s 10.0.0.1\nadd other 10.0.0.1\n');
  await expect(refused).rejects.toThrow(IpsetError);
  await expect(refused).rejects.toThrow('does not exist');
  await tools.sets('add s 10.0.0.2\n');
  expect(await entries()).toEqual(['10.0.0.1', '10.0.0.2']);
  const wrong = tools.addresses(['address add 10.96.0.1/32 dev dev0', 'address add 10.96.0.2/32 dev dev7']);
  await expect(wrong).rejects.toThrow(CommandError);
  await expect(wrong).rejects.toThrow(/dev7|File exists|Cannot find device/);
  await tools.addresses(['address add 10.96.0.3/32 dev dev0']);
  expect(await addresses()).toContain('10.96.0.3/32');
});

test('where no process can be talked to, each batch has its own', async () => {
  const other = createIpvsTools({
    run: sandbox.kernel.run,
    async open() {
      const session = await createKernel().open?.('/nonexistent/ipset', []);
      if (!session) throw new Error('no sessions');
      return session;
    },
  });
  for (const i of [1, 2, 3]) await other.sets(`add s 10.0.0.${i}\n`);
  expect(await entries()).toHaveLength(3);
});
