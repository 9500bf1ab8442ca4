import { createInterface } from 'node:readline';
import { enterCommand, startSandbox } from '../namespaces.ts';
import { childOf } from '../processes.ts';
import { type Command, createKernel, type Kernel } from '../run.ts';

/** Empty namespaces of a test's own. Works as root and as an ordinary user. */
export interface KernelSandbox extends AsyncDisposable {
  /** Acts in them. */
  readonly kernel: Kernel;
  /** Programs that were started to be talked to. Empty it as you like. */
  readonly opened: Command[];
}

export async function startKernelSandbox(): Promise<KernelSandbox> {
  const { child, channel } = await startSandbox({
    script: 'mount -t tmpfs tmpfs /run && echo ready && exec sleep infinity',
    args: [],
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  channel.unref();
  if (!child.stdout) throw new Error('the sandbox has no output');
  for await (const line of createInterface(child.stdout)) if (line === 'ready') break;
  const init = childOf(child.pid ?? 0);
  if (init === undefined) throw new Error('the sandbox ended at once');
  const host = createKernel();
  const opened: Command[] = [];
  const enter = (file: string, args: readonly string[]) => enterCommand(init, [file, ...args]);
  return {
    opened,
    kernel: {
      run(file, args, options) {
        const command = enter(file, args);
        return host.run(command.file, command.args, options);
      },
      async open(file, args) {
        const command = enter(file, args);
        opened.push(command);
        const session = await host.open?.(command.file, command.args);
        if (!session) throw new Error('no sessions');
        return session;
      },
    },
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}
