import { availableParallelism, totalmem } from 'node:os';
import { quantityValue } from '../../api/quantity.ts';
import type { Container, Pod, ResourceFieldSelector } from '../../api/types.ts';

/** What a container may use that sets no limit: all that the node has. */
const nodeResources: Readonly<Record<string, () => number>> = {
  cpu: () => availableParallelism(),
  memory: () => Math.floor(totalmem() / 1024) * 1024,
};

/**
 * The value of a downward API `resourceFieldRef`, divided and rounded up; undefined for a resource or container that
 * does not exist. `own` is the container that asks, where there is one. Upstream: `pkg/api/v1/resource/helpers.go`.
 */
export function resourceValue(
  pod: Pod,
  { resource, divisor, containerName }: ResourceFieldSelector,
  own?: Container,
): string | undefined {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const container = containerName ? all.find(({ name }) => name === containerName) : own;
  const [kind, name = '', ...more] = resource.split('.');
  if (!container || (kind !== 'limits' && kind !== 'requests') || more.length > 0) return undefined;
  if (!/^(cpu|memory|ephemeral-storage|hugepages-.+)$/.test(name)) return undefined;
  const set = container.resources?.[kind]?.[name];
  const value =
    set === undefined ? (kind === 'limits' ? (nodeResources[name]?.() ?? 0) : 0) : quantityValue(set);
  const unit = quantityValue(divisor ?? '1') || 1;
  // Binary fractions of a decimal number must not round up what is whole.
  return String(Math.ceil(Number((value / unit).toFixed(6))));
}
