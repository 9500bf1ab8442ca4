import type { ProxyConfiguration } from './configuration.ts';
import type { ProxyHealth } from './health/proxy.ts';
import { healthHandler, serve } from './health/server.ts';
import { type CheckedService, createServiceHealth } from './health/services.ts';
import type { Complain } from './leftovers.ts';
import type { ProxyMetrics } from './metrics/proxy.ts';
import { metricsHandler } from './metrics/server.ts';
import { parseCidr } from './model/address.ts';
import { nodePortAddresses } from './model/detector.ts';
import type { NodeFacts } from './node.ts';
import { onceEach } from './waiting.ts';

/** What a proxy can serve: health checks of Services, `/healthz` and `/livez`, and `/metrics` with its neighbours. */
export const proxyServers = ['services', 'healthz', 'metrics'] as const;
export type ProxyServer = (typeof proxyServers)[number];

/** The HTTP servers of a proxy. */
export interface ProxyServers {
  readonly services: {
    /** Has a server for each of these Services, on the node's addresses for node ports. */
    sync(services: ReadonlyMap<string, CheckedService>, node: NodeFacts): Promise<void>;
  };
}

export interface ServersOptions {
  readonly serve: readonly ProxyServer[];
  readonly configuration: ProxyConfiguration;
  readonly health: ProxyHealth;
  readonly metrics: ProxyMetrics;
  readonly complain: Complain;
  readonly signal: AbortSignal;
}

/** Opens what the configuration names, in this process's network namespace; all end with the signal. */
export function startServers({
  serve: wanted,
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

  const failed = onceEach(complain('service health check'));
  const services = createServiceHealth({
    healthy: health.healthy,
    onError: (service, port, error) =>
      failed(`Service ${service}, port ${port}: ${error instanceof Error ? error.message : String(error)}`),
  });
  signal.addEventListener('abort', () => void services.close(), { once: true });
  return {
    services: {
      async sync(checked, node) {
        if (wanted.includes('services') && !signal.aborted)
          await services.sync(checked, listenAddresses(configuration, node));
      },
    },
  };
}

/** The node's addresses for node ports; `::` is any of both families, as upstream's 0.0.0.0 is to Go. */
function listenAddresses({ nodePortAddresses: configured }: ProxyConfiguration, node: NodeFacts): string[] {
  if (configured.length === 0) return ['::'];
  return (['IPv4', 'IPv6'] as const).flatMap((family) => {
    const { all, addresses } = nodePortAddresses(configured, node.ips, node.localAddresses, family);
    if (!all) return [...addresses];
    // All, because every address is in range; not because this family is not named.
    const named = configured.some((text) => parseCidr(text)?.family === family);
    return named ? [family === 'IPv4' ? '0.0.0.0' : '::'] : [];
  });
}
