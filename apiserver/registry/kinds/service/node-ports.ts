import { statusError } from '../../../../api/status.ts';
import type { ServiceSpec } from '../../../../api/types.ts';
import { AllocationError } from '../../ip-allocator.ts';
import type { FieldError } from '../../strategy.ts';
import { invalid } from '../validation/field.ts';
import { needsNodePort } from './traits.ts';

/**
 * Gives every port of a Service its node port, in place. Ports with the same number and different
 * protocols (DNS over TCP and UDP) share one. Upstream: `initNodePorts`.
 *
 * @param take reserves that port, or any when undefined; throws AllocationError
 */
export function allocateNodePorts(
  spec: ServiceSpec,
  take: (port: number | undefined) => number,
): FieldError[] {
  const ports = spec.ports ?? [];
  const byPort = new Map<number, number>();
  const taken = new Set<number>();
  for (const [index, port] of ports.entries()) {
    if (!port.nodePort && !needsNodePort(spec)) continue;
    const shared = byPort.get(port.port);
    const asked =
      port.nodePort || shared || ports.find((one) => one.port === port.port && one.nodePort)?.nodePort;
    if (asked !== undefined && taken.has(asked)) {
      port.nodePort = asked;
      continue;
    }
    try {
      port.nodePort = take(asked);
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      if (asked !== undefined) return [invalid(`spec.ports[${index}].nodePort`, asked, error.message)];
      throw statusError(
        'InternalError',
        `Internal error occurred: failed to allocate a nodePort: ${error.message}`,
      );
    }
    taken.add(port.nodePort);
    byPort.set(port.port, port.nodePort);
  }
  return [];
}
