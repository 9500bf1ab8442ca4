import { watch, writeFileSync } from 'node:fs';
import { parseAddress } from '../../api/address.ts';
import { type Client, type ClientConfig, createClient } from '../../api/client.ts';
import { inClusterConfig } from '../../api/in-cluster.ts';
import { describeMissing } from '../../kernel/features.ts';
import { CommandError, createKernel, type Kernel } from '../../kernel/run.ts';
import { type ProxyConfiguration, proxyConfiguration } from '../configuration.ts';
import { applySettings, wantedSettings } from '../conntrack/settings.ts';
import { flagHelp, parseFlags } from '../flags/parse.ts';
import { type Complain, removeAllModes } from '../leftovers.ts';
import { startDataplane } from '../main.ts';
import { availableModes, loadMode } from '../modes.ts';
import { configure, type ProgramConfiguration } from './configure.ts';

/** The release whose kube-proxy this is, in behaviour. */
export const kubernetesVersion = 'v1.33.0';

export interface ProgramOptions {
  /** After `kube-proxy`. */
  readonly args: readonly string[];
  /** Ends the program; the rules stay. */
  readonly signal: AbortSignal;
  /** What was asked for: help, version. */
  readonly print: (text: string) => void;
  /** A line of what happens. */
  readonly log: (line: string) => void;
}

/**
 * Runs as kube-proxy, in the network namespace of this process, until the signal fires. Resolves to the exit
 * code. Rejects where the command line, the configuration or the API's address is unusable.
 */
export async function runKubeProxy({ args, signal, print, log }: ProgramOptions): Promise<number> {
  const parsed = parseFlags(args);
  const { options } = parsed;
  const wants = (name: string) => options.get(name) === 'true';
  if (wants('help')) print(`Usage: v9s kube-proxy [flags]\n\n${flagHelp()}`);
  else if (wants('version')) print(`Kubernetes ${kubernetesVersion}\n`);
  if (wants('help') || wants('version')) return 0;
  for (const warning of parsed.warnings) log(warning);

  const program = await configure(parsed);
  const configuration = proxyConfiguration(program.configuration);
  await loadMode(configuration.mode);
  const output = options.get('write-config-to');
  if (output) {
    const typed = { apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration' };
    const { stringify } = await import('../../api/yaml.ts');
    writeFileSync(output, stringify({ ...typed, ...program.configuration }));
    return 0;
  }
  const kernel = createKernel();
  let failed = false;
  const complain: Complain = (what) => (error) => {
    failed = true;
    log(`kube-proxy: ${what}: ${error instanceof Error ? error.message : String(error)}`);
  };
  if (wants('cleanup')) {
    await removeAllModes({ kernel, configuration, complain });
    return failed ? 1 : 0;
  }
  if (wants('init-only')) {
    await applySettings(kernel, wantedSettings(configuration)).catch(complain('kernel parameters'));
    return failed ? 1 : 0;
  }
  if (configuration.mode === 'ipvs') await requireIpvs(kernel);
  return run(program, configuration, {
    signal,
    log,
    client: createClient({ ...(await apiOf(program, options.get('master'))), userAgent: 'kube-proxy' }),
    verbosity: Number(options.get('v') ?? 0),
    emulatedVersion: options.get('emulated-version'),
    configFile: options.get('config'),
  });
}

interface RunOptions extends Pick<ProgramOptions, 'signal' | 'log'> {
  readonly client: Client;
  readonly verbosity: number;
  readonly emulatedVersion: string | undefined;
  readonly configFile: string | undefined;
}

async function run(
  { configuration: file, nodeName, serve }: ProgramConfiguration,
  { mode, bindAddress }: ProxyConfiguration,
  { signal, log, client, verbosity, emulatedVersion, configFile }: RunOptions,
): Promise<number> {
  const ending = new AbortController();
  const end = () => ending.abort();
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  const over = new Promise<void>((resolve) => ending.signal.addEventListener('abort', () => resolve()));
  let exitCode = 0;
  if (configFile) {
    // As upstream: whoever changes the file wants a proxy that starts with it, and something starts it anew.
    watch(configFile, { signal: ending.signal, persistent: false }, () => {
      log("kube-proxy: content of the proxy server's configuration file was updated");
      exitCode = 1;
      end();
    }).on('error', (error) => log(`kube-proxy: ${configFile} is not watched: ${error.message}`));
  }
  scoreAgainstOutOfMemory(file.oomScoreAdj, log);
  await startDataplane(
    {
      client,
      kernel: createKernel(),
      nodeName,
      mode,
      configuration: file,
      emulatedVersion,
      serve,
      log,
      // Unspecified, as 0.0.0.0 and :: are: what the Node object says.
      ...(parseAddress(bindAddress)?.value ? { nodeIps: [bindAddress] } : {}),
      ...(verbosity < 2
        ? {}
        : {
            onSync: ({ family, created, changed, deleted, milliseconds }) =>
              log(
                `kube-proxy: synced ${family}: ${created} created, ${changed} changed, ${deleted} deleted, ${milliseconds.toFixed(1)} ms after the event`,
              ),
          }),
    },
    { signal: ending.signal },
  );
  if (!ending.signal.aborted) {
    log(`kube-proxy: node ${nodeName}, mode ${mode}: in step with the API`);
    // What waits for the API need not keep a process alive.
    const alive = setInterval(() => undefined, 3_600_000);
    await over;
    clearInterval(alive);
  }
  client.close();
  return exitCode;
}

/** As upstream ends at once, rather than try for ever. */
async function requireIpvs(kernel: Kernel): Promise<void> {
  try {
    await kernel.run('ipvsadm', ['-L', '-n']);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const others = availableModes.filter((mode) => mode !== 'ipvs').join(', ');
    throw new Error(
      `proxy mode ipvs: ${describeMissing('ip_vs', error.stderr.trim().split('\n')[0] ?? '')}; other modes are ${others}`,
    );
  }
}

/** By kubeconfig, else `--master` alone, else as a pod. */
async function apiOf(
  { kubeconfig }: ProgramConfiguration,
  master: string | undefined,
): Promise<ClientConfig> {
  const server = master ? { server: master } : {};
  if (kubeconfig === undefined) return master ? server : inClusterConfig();
  const { loadKubeconfig } = await import('../../api/kubeconfig.ts');
  return { ...loadKubeconfig(kubeconfig), ...server };
}

/** Only what was asked for: an ordinary user may raise the score of a process, not lower it. */
function scoreAgainstOutOfMemory(score: unknown, log: (line: string) => void): void {
  if (typeof score !== 'number') return;
  try {
    writeFileSync('/proc/self/oom_score_adj', String(score));
  } catch (error) {
    log(`kube-proxy: oom-score-adj ${score}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
