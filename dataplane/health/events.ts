import type { Client } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';

/** Tells users of a Service's health check that cannot be served on a node. */
export interface HealthCheckEvents {
  /** The same failure is told once, until the port could be opened. */
  failed(service: string, port: number, why: string): Promise<void>;
  opened(service: string): void;
}

/**
 * An Event `FailedToStartServiceHealthcheck` of type Warning, with the action, message and reporter that kube-proxy 1.33
 * writes (its UID of the Service is the Service's name, since it knows no other). Never rejects.
 * Upstream: `pkg/proxy/healthcheck/service_health.go`.
 */
export function createHealthCheckEvents(
  client: Client,
  nodeName: string,
  onError: (error: unknown) => void,
): HealthCheckEvents {
  const told = new Map<string, string>();
  return {
    async failed(service, port, why) {
      const message = healthCheckFailure(nodeName, service, port, why);
      if (told.get(service) === message) return;
      told.set(service, message);
      const [namespace = '', name = ''] = service.split('/');
      const now = new Date();
      try {
        await client.create(resources.events, {
          metadata: { name: `${name}.${(BigInt(now.getTime()) * 1_000_000n).toString(16)}`, namespace },
          involvedObject: { kind: 'Service', namespace, name, uid: service },
          type: 'Warning',
          reason: 'FailedToStartServiceHealthcheck',
          action: 'Listen',
          message,
          eventTime: now.toISOString().replace('Z', '000Z'),
          reportingComponent: 'kube-proxy',
          reportingInstance: `kube-proxy-${nodeName}`,
        });
      } catch (error) {
        told.delete(service);
        // A Service that goes with its namespace needs no Event.
        if (!hasReason(error, 'NotFound') && !hasReason(error, 'Forbidden')) onError(error);
      }
    },
    opened: (service) => void told.delete(service),
  };
}

/** `node worker failed to start healthcheck "ns/web" on port 32100: listen tcp :32100: bind: address already in use`. */
function healthCheckFailure(nodeName: string, service: string, port: number, why: string): string {
  return `node ${nodeName} failed to start healthcheck ${JSON.stringify(service)} on port ${port}: ${why}`;
}
