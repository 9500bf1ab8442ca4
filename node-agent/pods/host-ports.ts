import type { Pod } from '../../api/types.ts';
import type { HostPort } from '../network/host-ports.ts';
import type { PodState } from './state.ts';

/** The ports of the node that a pod asks for. */
export function hostPortsOf(pod: Pod): HostPort[] {
  // Of init containers, only sidecars serve.
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...sidecars, ...(pod.spec?.containers ?? [])]
    .flatMap(({ ports = [] }) => ports)
    .flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP }) =>
      hostPort ? [{ hostPort, containerPort, protocol, ...(hostIP ? { hostIp: hostIP } : {}) }] : [],
    );
}

/**
 * Why a pod cannot run where others have the ports that it wants: whoever assigned it to the node did not look. Upstream:
 * `pkg/kubelet/lifecycle/predicate.go`.
 */
export function portRefusal(
  pod: Pod,
  states: Iterable<PodState>,
): { reason: string; message: string } | undefined {
  const wanted = hostPortsOf(pod);
  if (wanted.length === 0) return undefined;
  for (const { pod: other, sandboxReady, admitted, released } of states) {
    if (!other || !(sandboxReady || admitted) || released || other.metadata?.uid === pod.metadata?.uid)
      continue;
    if (/^(Succeeded|Failed)$/.test(other.status?.phase ?? '')) continue;
    const taken = hostPortsOf(other);
    if (wanted.some((one) => taken.some((port) => isSamePort(one, port))))
      return {
        reason: 'NodePorts',
        message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
      };
  }
  return undefined;
}

function isSamePort(one: HostPort, other: HostPort): boolean {
  if (one.hostPort !== other.hostPort || one.protocol !== other.protocol) return false;
  const [a, b] = [one.hostIp ?? anywhere, other.hostIp ?? anywhere];
  return a === b || a === anywhere || b === anywhere;
}

const anywhere = '0.0.0.0';
