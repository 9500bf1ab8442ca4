import { proxyConfiguration } from '../../dataplane/configuration.ts';
import type { SyncResult } from '../../dataplane/dataplane.ts';
import { loadMode } from '../../dataplane/modes.ts';
import { nodeFacts } from '../../dataplane/node.ts';
import { createStack, type Stack, syncStack } from '../../dataplane/stack.ts';
import { nodeIp } from '../../dataplane/testing/sandbox.ts';
import { type Command, createKernel, type Kernel } from '../../kernel/run.ts';
import { type Backend, backendOf, configurationOf, withToolsOf } from './backends.ts';
import { type Measured, measureChange, timed } from './changes.ts';
import { keyOf, serviceOf, sliceOf } from './objects.ts';

/** What one backend takes at one size; milliseconds. */
export interface SyncFigures {
  readonly load: number;
  /** Undefined when the load took so long that it was not done again. */
  readonly bareLoad: number | undefined;
  /** A new process that finds everything there. */
  readonly again: number;
  readonly service: Measured;
  readonly endpoint: Measured;
}

/** Milliseconds of a load above which the same lines are not loaded again through the bare command. */
const longLoad = 60_000;

/** Loads `count` Services in this process's namespaces, changes some, and leaves the rules there. */
export async function measureSync(name: string, count: number): Promise<SyncFigures> {
  const backend = backendOf(name);
  const { kernel, written, plain } = recordingKernel(backend);
  const create = await loadMode(backend.mode);
  const configuration = proxyConfiguration(configurationOf(backend));
  const node = nodeFacts('worker', undefined, { ips: [nodeIp] });
  const newStack = () => createStack('IPv4', 'worker', create({ kernel, family: 'IPv4', configuration }));
  const sync = async (stack: Stack) => (await syncStack(stack, node)).result;
  const filled = () => {
    const stack = newStack();
    for (let i = 0; i < count; i++) {
      stack.model.setService(keyOf(i), serviceOf(i));
      stack.model.setSlice(`${keyOf(i)}-a`, sliceOf(i, count));
    }
    return stack;
  };

  // A kernel that has never had such rules may lack modules, and the tools their pages in memory.
  const empty = newStack();
  await sync(empty);
  await empty.dataplane.cleanup();
  let stack = filled();
  written.length = 0;
  const load = await timed(() => sync(stack));
  let bareLoad: number | undefined;
  if (load < longLoad) {
    const commands = [...written];
    await stack.dataplane.cleanup();
    bareLoad = await timed(() => carryOut(plain, commands));
  }
  stack = filled();
  const again = await timed(() => sync(stack));

  const { model } = stack;
  const recorded = async (change: () => void) => {
    change();
    written.length = 0;
    const result = await sync(stack);
    return { result, commands: [...written] };
  };
  // A change may have gone to a process that stays; what is needed at least is one of its own for the same lines.
  const [file, ...args] = backend.bare ?? [];
  const bare = ({ result, commands }: { result: SyncResult; commands: readonly Command[] }) =>
    carryOut(plain, file ? [{ file, args, input: result.text }] : commands);
  const changing = (there: () => void, back: () => void) =>
    measureChange(
      () => recorded(there),
      () => recorded(back),
      bare,
    );
  const middle = count >> 1;
  model.setSlice(`${keyOf(count)}-a`, sliceOf(count, count));
  const service = await changing(
    () => model.setService(keyOf(count), serviceOf(count)),
    () => model.setService(keyOf(count), undefined),
  );
  model.setSlice(`${keyOf(count)}-a`, undefined);
  const endpoint = await changing(
    () => model.setSlice(`${keyOf(middle)}-a`, sliceOf(middle, count, 4)),
    () => model.setSlice(`${keyOf(middle)}-a`, sliceOf(middle, count)),
  );
  return { load, bareLoad, again, service, endpoint };
}

/** Keeps what was written, also to programs that stay: given to one of its own it does the same again. */
function recordingKernel(backend: Backend) {
  const plain = createKernel();
  const written: Command[] = [];
  const recording: Kernel = {
    ...plain,
    async run(file, args, options) {
      const output = await plain.run(file, args, options);
      // What a kernel refused as too long is no part of what is needed.
      if (options?.input !== undefined) written.push({ file, args, input: options.input });
      return output;
    },
    async open(file, args) {
      const session = await plain.open?.(file, args);
      if (!session) throw new Error(`${file}: no sessions`);
      return {
        ...session,
        send(input, mark) {
          written.push({ file, args, input });
          return session.send(input, mark);
        },
      };
    },
  };
  return { kernel: withToolsOf(backend, recording), written, plain };
}

async function carryOut(kernel: Kernel, commands: readonly Command[]): Promise<void> {
  for (const { file, args, input = '' } of commands) await kernel.run(file, args, { input });
}
