import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Row } from '../model/model.ts';
import { close, json, listen, reply } from './listen.ts';

/** A Service that load balancers probe: on which port, and how many endpoints it has on this node. */
export interface CheckedService {
  readonly port: number;
  readonly localEndpoints: number;
}

/** The health check servers of a node, one for each Service with a `healthCheckNodePort`. */
export interface ServiceHealth {
  /** Opens and closes servers until there is one for each of these Services, by `namespace/name`. */
  sync(services: ReadonlyMap<string, CheckedService>, addresses: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface ServiceHealthOptions {
  /** Whether the proxy itself keeps up; it answers 503 for every Service when not. */
  healthy(): boolean;
  /** Told of a port that could not be opened; tried again with the next sync. */
  onError(service: string, port: number, error: unknown): void;
  /** Told of one that could. */
  onOpen?(service: string): void;
}

interface Open {
  readonly port: number;
  readonly addresses: string;
  readonly servers: readonly Server[];
}

/** Upstream: `pkg/proxy/healthcheck/service_health.go`. */
export function createServiceHealth({ healthy, onError, onOpen }: ServiceHealthOptions): ServiceHealth {
  const opened = new Map<string, Open>();
  let counts: ReadonlyMap<string, CheckedService> = new Map();

  const shut = async (name: string) => {
    const servers = opened.get(name)?.servers ?? [];
    opened.delete(name);
    await Promise.all(servers.map(close));
  };

  async function open(name: string, port: number, addresses: readonly string[]): Promise<void> {
    const servers: Server[] = [];
    try {
      for (const address of addresses)
        servers.push(await listen(address, port, (request, response) => answer(name, request, response)));
      opened.set(name, { port, addresses: addresses.join(), servers });
      onOpen?.(name);
    } catch (error) {
      await Promise.all(servers.map(close));
      onError(name, port, error);
    }
  }

  function answer(name: string, _: IncomingMessage, response: ServerResponse): void {
    const localEndpoints = counts.get(name)?.localEndpoints ?? 0;
    const serviceProxyHealthy = healthy();
    const [namespace, service] = name.split('/');
    const body = { service: { namespace, name: service }, localEndpoints, serviceProxyHealthy };
    const code = localEndpoints > 0 && serviceProxyHealthy ? 200 : 503;
    reply(response, code, JSON.stringify(body, undefined, '\t'), {
      ...json,
      'x-load-balancing-endpoint-weight': localEndpoints,
    });
  }

  return {
    async sync(services, addresses) {
      counts = services;
      const where = addresses.join();
      for (const [name, { port, addresses: listening }] of [...opened])
        if (services.get(name)?.port !== port || listening !== where) await shut(name);
      for (const [name, { port }] of services) if (!opened.has(name)) await open(name, port, addresses);
    },
    async close() {
      await Promise.all([...opened.keys()].map(shut));
    },
  };
}

/** The Services among these rows that have a health check port, with their ready endpoints on this node. */
export function checkedServices(rows: Iterable<Row>): Map<string, CheckedService> {
  const ips = new Map<string, { port: number; ips: Set<string> }>();
  for (const { port, endpoints } of rows) {
    if (port.healthCheckNodePort === 0) continue;
    const one = ips.get(port.service) ?? { port: port.healthCheckNodePort, ips: new Set<string>() };
    ips.set(port.service, one);
    for (const { isLocal, ready, ip } of endpoints) if (isLocal && ready) one.ips.add(ip);
  }
  return new Map([...ips].map(([name, one]) => [name, { port: one.port, localEndpoints: one.ips.size }]));
}
