import { Command, CommanderError } from 'commander';
import { register as dataplane } from './commands/dataplane.ts';
import { register as dns } from './commands/dns.ts';
import { register as doctor } from './commands/doctor.ts';
import { register as down } from './commands/down.ts';
import { register as exec } from './commands/exec.ts';
import { register as init } from './commands/init.ts';
import { register as join } from './commands/join.ts';
import { register as kubeProxy } from './commands/kube-proxy.ts';
import { register as kubeconfig } from './commands/kubeconfig.ts';
import { register as list } from './commands/list.ts';
import { register as load } from './commands/load.ts';
import { register as logs } from './commands/logs.ts';
import { register as render } from './commands/render.ts';
import { register as reset } from './commands/reset.ts';
import { register as scenario } from './commands/scenario.ts';
import { register as snapshot } from './commands/snapshot.ts';
import { register as token } from './commands/token.ts';
import { register as up } from './commands/up.ts';
import { version } from './version.ts';

/** In the order of `v9s --help`. Each loads what it needs only when it runs. */
const commands = [
  up,
  down,
  init,
  join,
  reset,
  token,
  list,
  kubeconfig,
  exec,
  logs,
  load,
  snapshot,
  dataplane,
  scenario,
  doctor,
  render,
  kubeProxy,
  dns,
];

/** Runs `v9s` with these arguments; resolves to the exit code. 2 is bad usage, 1 any other failure. */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('v9s')
    .description('Kubernetes networking, whole and real, made of Linux network namespaces')
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(v9s --help lists the commands)')
    .exitOverride();
  const finish = (code: number) => {
    exitCode = code;
  };
  for (const register of commands) register(program, finish);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`v9s: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof Error && error.name === 'OptionError' ? 2 : 1;
  }
}

// A pipe closed early (`v9s list | head -1`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
