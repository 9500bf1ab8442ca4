import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createClient } from '../../api/client.ts';
import { inClusterConfig } from '../../api/in-cluster.ts';
import { type Dns, startDns } from '../../dns/main.ts';
import { plugins } from '../../dns/plugins/order.ts';

/**
 * The DNS server as a program, with CoreDNS' own flags:
 * `dns.cjs [-conf FILE] [-dns.port PORT] [-version] [-plugins] [--kubeconfig FILE]`.
 */
const flags = {
  conf: { type: 'string' },
  'dns.port': { type: 'string', default: '53' },
  kubeconfig: { type: 'string' },
  quiet: { type: 'boolean' },
  pidfile: { type: 'string' },
  plugins: { type: 'boolean' },
  version: { type: 'boolean' },
} as const;

/** Go's flag package takes one dash or two, and `-p` for `-dns.port`. */
function readFlags() {
  const args = process.argv
    .slice(2)
    .map((arg) => arg.replace(/^-(?=[a-z][a-z.]+)/, '--').replace(/^-p(?==|$)/, '--dns.port'));
  return parseArgs({ args, options: flags, strict: true }).values;
}

async function main(): Promise<void> {
  const { conf, 'dns.port': port, kubeconfig, ...asked } = readFlags();
  if (asked.version) {
    console.log(`CoreDNS-1.12.0\n${process.platform}/${process.arch}, node ${process.version}, vethernetes`);
    return;
  }
  if (asked.plugins) {
    console.log(['Server types:', '  dns', '', 'Other plugins:', ...names()].join('\n'));
    return;
  }
  if (!/^\d+$/.test(port) || Number(port) > 65_535)
    throw new Error(`-dns.port: ${port} is not a port; give a number from 0 to 65535`);
  const end = new AbortController();
  let started = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      console.log(`[INFO] ${signal}: Shutting down servers then terminating`);
      if (!started) process.exit(0); // it waits for the API, and answers nobody yet
      end.abort();
    });
  const corefile = conf ?? (existsSync('Corefile') ? 'Corefile' : undefined);
  // The YAML parser that kubeconfigs need is half of the program: load it only where it is asked for.
  const { loadKubeconfig } = kubeconfig === undefined ? {} : await import('../../api/kubeconfig.ts');
  const dns = await startDns(
    {
      ...(corefile === undefined ? {} : { corefile }),
      port: Number(port),
      client: () => createClient(loadKubeconfig?.(kubeconfig ?? '') ?? inClusterConfig()),
    },
    { signal: end.signal },
  );
  started = true;
  if (!asked.quiet) announce(dns);
  process.once('SIGUSR1', () => void reload(dns));
  await dns.ended;
}

function announce(dns: Dns): void {
  for (const [address, port] of dns.ports)
    console.log(`listening on ${address.replace(/:\d+$/, '')}:${port}`);
  console.log('CoreDNS-1.12.0');
}

async function reload(dns: Dns): Promise<void> {
  try {
    await dns.reload();
    console.log('[INFO] Reloading complete');
  } catch (error) {
    console.error(`[ERROR] SIGUSR1: ${(error as Error).message}`);
  }
}

function names(): string[] {
  return plugins.map(({ name }) => `  dns.${name}`).sort();
}

main().then(
  () => process.exit(0),
  (error: Error) => {
    console.error(error.message);
    process.exit(1);
  },
);
