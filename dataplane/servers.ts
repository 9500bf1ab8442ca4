import { cidrOf } from '../api/address.ts';
import type { Client } from '../api/client.ts';
import type { ProxyConfiguration } from './configuration.ts';
import { createHealthCheckEvents } from './health/events.ts';
import { listenFailure } from './health/listen.ts';
import { createHeldPorts, nodePortsOf } from './health/nodeports.ts';
import type { ProxyHealth } from './health/proxy.ts';
import { healthHandler, serve } from './health/server.ts';
import { createServiceHealth } from './health/services.ts';
import type { Complain } from './leftovers.ts';
import type { ProxyMetrics } from './metrics/proxy.ts';
import { metricsHandler } from './metrics/server.ts';
import { nodePortAddresses } from './model/detector.ts';
import type { NodeFacts } from './node.ts';
import { checkedOf, type Stack } from './stack.ts';
import { onceEach } from './waiting.ts';

/** What a proxy can serve: health checks of Services, `/healthz` and `/livez`, and `/metrics` with its neighbours. */
export const proxyServers = ['services', 'healthz', 'metrics'] as const;
export type ProxyServer = (typeof proxyServers)[number];

/** The servers of a proxy. */
export interface ProxyServers {
  /** Brings what depends on Services in step with what was written: health checks, and node ports that are held. */
  sync(stacks: readonly Stack[], node: NodeFacts): Promise<void>;
}

export interface ServersOptions {
  /** For Events about health checks that cannot be served. */
  readonly client: Client;
  readonly nodeName: string;
  readonly serve: readonly ProxyServer[];
  /** Whether node ports are listened on, as kube-proxy did until 1.22; together with `services`. */
  readonly holdNodePorts: boolean;
  readonly configuration: ProxyConfiguration;
  readonly health: ProxyHealth;
  readonly metrics: ProxyMetrics;
  readonly complain: Complain;
  readonly signal: AbortSignal;
}

/** Opens what the configuration names, in this process's network namespace; all end with the signal. */
export function startServers({
  client,
  nodeName,
  serve: wanted,
  holdNodePorts,
  configuration,
  health,
  metrics,
  complain,
  signal,
}: ServersOptions): ProxyServers {
  const pages = [
    ['healthz', configuration.healthzBindAddress, healthHandler(health, metrics.probed)],
    ['metrics', configuration.metricsBindAddress, metricsHandler(metrics, configuration)],
  ] as const;
  for (const [name, address, handler] of pages)
    if (wanted.includes(name))
      void serve(address, handler, { signal, onError: onceEach(complain(`${name} server`)) });

  const events = createHealthCheckEvents(client, nodeName, complain('Event'));
  const failed = onceEach(complain('service health check'));
  const services = createServiceHealth({
    healthy: health.healthy,
    onError(service, port, error) {
      const why = listenFailure(error, 'tcp', port);
      failed(`Service ${service}: ${why}`);
      void events.failed(service, port, why);
    },
    onOpen: events.opened,
  });
  const ports = createHeldPorts(onceEach(complain('node port')));
  const close = () => void Promise.all([services.close(), ports.close()]);
  signal.addEventListener('abort', close, { once: true });
  return {
    async sync(stacks, node) {
      if (!wanted.includes('services') || signal.aborted) return;
      await services.sync(checkedOf(stacks), listenAddresses(configuration, node));
      if (!holdNodePorts) return;
      const rows = stacks.flatMap(({ written }) => [...written.values()]);
      await ports.sync(nodePortsOf(rows));
    },
  };
}

/**
 * The node's addresses for health check ports. `::` is any of both families, as upstream's 0.0.0.0 is to Go: beside it
 * there is nothing left to listen on.
 */
export function listenAddresses(
  { nodePortAddresses: configured }: Pick<ProxyConfiguration, 'nodePortAddresses'>,
  node: Pick<NodeFacts, 'ips' | 'localAddresses'>,
): string[] {
  const everywhere = ['::'];
  if (configured.length === 0) return everywhere;
  const addresses: string[] = [];
  for (const family of ['IPv4', 'IPv6'] as const) {
    const own = nodePortAddresses(configured, node.ips, node.localAddresses, family);
    // All, because every address is in range; not because this family is not named.
    if (own.all && configured.some((text) => cidrOf(text)?.family === family)) return everywhere;
    addresses.push(...own.addresses);
  }
  return addresses;
}
