import type { Command } from 'commander';
import { nameOption, type Register } from './options.ts';

interface CreateOptions {
  name: string;
  ttl?: string;
  usages?: string[];
  groups?: string[];
  description?: string;
  printJoinCommand?: boolean;
}

/** `v9s token`: the tokens by which nodes join, as `kubeadm token`. */
export const register: Register = (program) => {
  const token = program.command('token').description('the tokens by which nodes join a cluster');
  createCommand(token);
  listCommand(token);
  deleteCommand(token);
  token
    .command('generate')
    .description('print a random token, without making it known to a cluster')
    .action(async () => {
      const { bootstrapTokenText, generateBootstrapToken } = await kubeadm();
      process.stdout.write(`${bootstrapTokenText(generateBootstrapToken())}\n`);
    });
};

function createCommand(token: Command): void {
  token
    .command('create')
    .description('make a token known to the cluster, and print it')
    .argument('[token]', '[a-z0-9]{6}.[a-z0-9]{16} (default: a random one)')
    .addOption(nameOption())
    .option('--ttl <duration>', 'how long it is good, such as 2h; 0 for ever (default 24h)')
    .option('--usages <usages>', 'signing, authentication (default both)', list)
    .option('--groups <groups>', 'groups of who shows it (default kubeadm’s)', list)
    .option('--description <text>', 'what it is for')
    .option('--print-join-command', 'print the whole line with which a node joins')
    .action(async (text: string | undefined, { name, printJoinCommand, ...options }: CreateOptions) => {
      const { grantJoining, grantOf } = await kubeadm();
      const grant = grantOf({ ...options, ...(text === undefined ? {} : { token: text }) });
      await attached(name, async (cluster) => {
        const line = await grantJoining(cluster, grant);
        const { id, secret } = grant.token;
        process.stdout.write(printJoinCommand ? `${line}\n` : `${id}.${secret}\n`);
      });
    });
}

function listCommand(token: Command): void {
  token
    .command('list')
    .description('list tokens')
    .addOption(nameOption())
    .action(async ({ name }: { name: string }) => {
      const { listTokens, tokenTable } = await kubeadm();
      await attached(name, async ({ client }) => {
        const grants = await listTokens(client);
        if (grants.length > 0) process.stdout.write(tokenTable(grants));
      });
    });
}

function deleteCommand(token: Command): void {
  token
    .command('delete')
    .description('delete tokens: who has joined with one stays')
    .argument('<token...>', 'the token, or its first half')
    .addOption(nameOption())
    .action(async (texts: string[], { name }: { name: string }) => {
      const { deleteToken } = await kubeadm();
      await attached(name, async ({ client }) => {
        for (const text of texts)
          process.stdout.write(
            `bootstrap token ${JSON.stringify(await deleteToken(client, text))} deleted\n`,
          );
      });
    });
}

type Kubeadm = typeof import('../../cluster/kubeadm/index.ts');

const kubeadm = (): Promise<Kubeadm> => import('../../cluster/kubeadm/index.ts');

type Attached = Awaited<ReturnType<Kubeadm['attachCluster']>>;

async function attached(name: string, work: (cluster: Attached) => Promise<void>): Promise<void> {
  const { attachCluster } = await kubeadm();
  const cluster = await attachCluster(name);
  try {
    await work(cluster);
  } finally {
    cluster.detach();
  }
}

/** `a,b` and repeated options alike. */
function list(text: string, before: string[] = []): string[] {
  return [...before, ...text.split(',')];
}
