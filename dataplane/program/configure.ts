import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type KubeProxyConfiguration, withPort } from '../configuration.ts';
import type { ParsedFlags } from '../flags/parse.ts';
import { parseDocument } from '../objects.ts';
import { type ProxyServer, proxyServers } from '../servers.ts';

/** What a command line comes to, its configuration file included. */
export interface ProgramConfiguration {
  readonly configuration: KubeProxyConfiguration;
  readonly nodeName: string;
  readonly kubeconfig: string | undefined;
  readonly serve: readonly ProxyServer[];
}

/**
 * Reads the file that `--config` names and puts the flags over it. Other than upstream, where a file wins over
 * most flags, what the command line says holds. Throws where the file cannot be read.
 */
export async function configure({ configuration: set, options }: ParsedFlags): Promise<ProgramConfiguration> {
  const file = options.get('config');
  const read = file === undefined ? {} : await parseDocument(readFileSync(file, 'utf8'));
  const configuration = overlay(read, set) as KubeProxyConfiguration;
  const off: ProxyServer[] = [];
  for (const [server, field, port] of [
    ['healthz', 'healthzBindAddress', options.get('healthz-port')],
    ['metrics', 'metricsBindAddress', options.get('metrics-port')],
  ] as const) {
    if (set[field] === '' || port === '0') off.push(server);
    const address = configuration[field] || (server === 'healthz' ? '0.0.0.0' : '127.0.0.1');
    if (port !== undefined) configuration[field] = withPort(address, port);
    else if (configuration[field]) configuration[field] = withPort(address, defaultPorts[server]);
  }
  const client = configuration.clientConnection as { kubeconfig?: string } | undefined;
  const name = (configuration.hostnameOverride || hostname()).trim().toLowerCase();
  if (name === '') throw new Error('--hostname-override: empty hostname-override is invalid');
  return {
    configuration,
    nodeName: name,
    kubeconfig: client?.kubeconfig || undefined,
    serve: proxyServers.filter((server) => !off.includes(server)),
  };
}

const defaultPorts = { healthz: '10256', metrics: '10249' } as const;

/** Objects are merged field by field, everything else is replaced. */
function overlay(base: unknown, over: unknown): unknown {
  if (!isRecord(base) || !isRecord(over)) return over === undefined ? base : over;
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) merged[name] = overlay(merged[name], value);
  return merged;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
