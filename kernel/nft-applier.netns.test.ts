import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { NftError } from './nft.ts';
import { createNftApplier, type NftApplier } from './nft-applier.ts';
import { createKernel } from './run.ts';
import { type KernelSandbox, startKernelSandbox } from './testing/sandbox.ts';

let sandbox: KernelSandbox;
let applier: NftApplier;
beforeAll(async () => {
  sandbox = await startKernelSandbox();
});
afterAll(() => sandbox[Symbol.asyncDispose]());

beforeEach(async () => {
  applier?.close();
  applier = createNftApplier(sandbox.kernel);
  await applier.apply('table ip t\ndelete table ip t\ntable ip t {\n set s {\n  type inet_service\n }\n}\n');
  sandbox.opened.length = 0;
});

const elements = async () => {
  const { stdout } = await sandbox.kernel.run('nft', ['list', 'set', 'ip', 't', 's']);
  return /elements = \{([^}]*)\}/.exec(stdout)?.[1]?.split(',').map(Number) ?? [];
};

test('the first batch has a process of its own, all others one together, each in force when it resolves', async () => {
  await applier.apply('add element ip t s { 80 }\n');
  expect(await elements()).toEqual([80]);
  await applier.apply('delete element ip t s { 80 }\nadd element ip t s { 81 }\n');
  expect(await elements()).toEqual([81]);
  await applier.apply('add element ip t s { 82 }\n');
  expect(await elements()).toEqual([81, 82]);
  expect(sandbox.opened).toHaveLength(1);
});

test('a refused batch is refused whole, with its line, and the next one is taken', async () => {
  await applier.apply('add element ip t s { 80 }\n');
  const refused = applier.apply('add element ip t s { 81 }\ndelete element ip t s { 99 }\n');
  await expect(refused).rejects.toThrow(NftError);
  await expect(refused).rejects.toMatchObject({ line: 'delete element ip t s { 99 }' });
  await applier.apply('add element ip t s { 82 }\n');
  expect(await elements()).toEqual([80, 82]);
});

test('what others changed between two batches is seen', async () => {
  await applier.apply('add element ip t s { 80 }\n');
  await sandbox.kernel.run('nft', ['flush set ip t s; add chain ip t c; add rule ip t c accept']);
  await applier.apply('add element ip t s { 81 }\nflush chain ip t c\nadd rule ip t c drop\n');
  expect(await elements()).toEqual([81]);
  expect((await sandbox.kernel.run('nft', ['list chain ip t c'])).stdout).toMatch(/\{\s+drop\s+\}/);
});

test('blocks and large batches have processes of their own', async () => {
  await applier.apply('table ip t {\n chain d {\n }\n}\n');
  const many = Array.from({ length: 2_000 }, (_, i) => `add element ip t s { ${i + 1} }`);
  await applier.apply(`${many.join('\n')}\n`);
  expect(await elements()).toHaveLength(2_000);
  expect(sandbox.opened).toHaveLength(0);
});

test('where no process can be talked to, each batch has its own', async () => {
  const other = createNftApplier({
    run: sandbox.kernel.run,
    async open() {
      const session = await createKernel().open?.('/nonexistent/nft', []);
      if (!session) throw new Error('no sessions');
      return session;
    },
  });
  for (const port of [1, 2, 3]) await other.apply(`add element ip t s { ${port} }\n`);
  expect(await elements()).toEqual([1, 2, 3]);
});
