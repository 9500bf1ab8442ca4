import { writeFileSync } from 'node:fs';
import type { Register } from './options.ts';

/** `v9s kube-proxy`: the dataplane as a program of its own, with kube-proxy's flags. */
export const register: Register = (program, finish) => {
  program
    .command('kube-proxy')
    .description("run as kube-proxy in this network namespace, with kube-proxy's own flags")
    .usage('[flags]')
    .helpOption(false)
    .allowUnknownOption()
    .argument('[flags...]')
    .passThroughOptions()
    .action(async (args: string[]) => {
      const { runKubeProxy } = await import('../../dataplane/program/kube-proxy.ts');
      // Its name for ss and ps, which else would be Node.js'.
      writeFileSync('/proc/self/comm', 'kube-proxy');
      const ending = new AbortController();
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort());
      finish(
        await runKubeProxy({
          args,
          signal: ending.signal,
          print: (text) => process.stdout.write(text),
          log: (line) => process.stderr.write(`${line}\n`),
        }),
      );
    });
};
