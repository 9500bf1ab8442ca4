import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { LogOptions } from '../../cluster/logs.ts';
import { nameOption, type Register, wholeNumber } from './options.ts';

/** `v9s logs COMPONENT`: what a component of the cluster has written; `v9s logs pod/NAME`: what a pod has. */
export const register: Register = (program) => {
  program
    .command('logs')
    .description('print the log of a component (apiserver, lab, or a node by its name), or of pod/NAME')
    .argument('[component]', 'without one, the components that have a log are listed')
    .addOption(nameOption())
    .option('-n, --namespace <namespace>', 'of the pod', 'default')
    .option('-c, --container <container>', 'of the pod, where it has several')
    .option('-f, --follow', 'go on with what the pod writes from now on')
    .option('-p, --previous', "the pod's log before its container was started again")
    .option('--tail <lines>', 'only the last lines of the pod', wholeNumber)
    .option('--timestamps', 'when the pod wrote each line')
    .action(async (component: string | undefined, { name, tail, ...options }: LogsOptions) => {
      const pod = /^pods?\/(.+)$/.exec(component ?? '')?.[1];
      if (pod) return printPod(name, pod, { ...options, ...(tail === undefined ? {} : { tailLines: tail }) });
      await printComponent(name, component);
    });
};

interface LogsOptions extends LogOptions {
  name: string;
  tail?: number;
}

async function printPod(cluster: string, pod: string, options: LogOptions): Promise<void> {
  const [{ existingState }, { adminConfig }, { readSpec }, { openLog }] = await Promise.all([
    import('../../cluster/cluster.ts'),
    import('../../cluster/credentials.ts'),
    import('../../cluster/state.ts'),
    import('../../cluster/logs.ts'),
  ]);
  const state = existingState(cluster);
  const config = adminConfig(state, readSpec(state)?.apiPort ?? 0);
  await pipeline(await openLog(config, pod, options), process.stdout, { end: false });
}

async function printComponent(cluster: string, component: string | undefined): Promise<void> {
  const { existingState } = await import('../../cluster/cluster.ts');
  const folder = existingState(cluster).log;
  const names = existsSync(folder)
    ? readdirSync(folder).flatMap((file) => (file.endsWith('.log') ? [file.slice(0, -4)] : []))
    : [];
  if (component === undefined) {
    process.stdout.write(names.map((each) => `${each}\n`).join(''));
    return;
  }
  if (!names.includes(component)) {
    throw new Error(
      `no component ${JSON.stringify(component)} in cluster ${cluster}; there are ${names.join(', ')}`,
    );
  }
  await pipeline(createReadStream(join(folder, `${component}.log`)), process.stdout, { end: false });
}
