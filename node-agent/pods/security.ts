import type { Container, Pod } from '../../api/types.ts';
import type { ContainerSpec } from '../runtime/container-plan.ts';
import type { Image } from '../runtime/images.ts';
import { NotYetError } from './sources.ts';

/**
 * The user of a container and what it may do. Upstream: `pkg/kubelet/kuberuntime/security_context.go`.
 *
 * @throws {NotYetError} when it must not run as root and would
 */
export function securityOf(
  pod: Pod,
  container: Container,
  image: Image,
): Pick<
  ContainerSpec,
  'user' | 'privileged' | 'capabilities' | 'readOnlyRoot' | 'noNewPrivileges' | 'sysctls'
> {
  const shared = pod.spec?.securityContext ?? {};
  const own = container.securityContext ?? {};
  const { name, namespace } = pod.metadata ?? {};
  const chosen = own.runAsUser ?? shared.runAsUser;
  const uid = chosen ?? image.user?.uid ?? 0;
  const gid =
    own.runAsGroup ?? shared.runAsGroup ?? (chosen === undefined ? image.user?.gid : undefined) ?? 0;
  const groups = [
    ...(shared.supplementalGroups ?? image.user?.groups ?? []),
    ...(shared.fsGroup === undefined ? [] : [shared.fsGroup]),
  ];
  if ((own.runAsNonRoot ?? shared.runAsNonRoot) && uid === 0) {
    const what =
      chosen === 0
        ? "container's runAsUser breaks non-root policy"
        : 'container has runAsNonRoot and image will run as root';
    throw new NotYetError(
      `${what} (pod: "${name}_${namespace}(${pod.metadata?.uid})", container: ${container.name})`,
    );
  }
  const privileged = own.privileged ?? false;
  return {
    ...(uid || gid || groups.length > 0 ? { user: { uid, gid, groups } } : {}),
    privileged,
    ...(own.capabilities ? { capabilities: own.capabilities } : {}),
    readOnlyRoot: own.readOnlyRootFilesystem ?? false,
    noNewPrivileges: own.allowPrivilegeEscalation === false && !privileged,
    sysctls: sysctlsOf(pod),
  };
}

/** By their names with dots. */
export function sysctlsOf(pod: Pod): Record<string, string> {
  const { sysctls = [] } = pod.spec?.securityContext ?? {};
  return Object.fromEntries(sysctls.map(({ name, value }) => [name.replaceAll('/', '.'), value]));
}

/** Sysctls of the namespaces that a pod has of its own. */
const networkSysctls = /^net\./;
const ipcSysctls = /^(kernel\.(shm\w*|msg\w*|sem)|fs\.mqueue\..+)$/;

/**
 * Why a node does not take a pod at all; undefined when it does. More sysctls are taken than by a kubelet as it comes:
 * here all that belong to a namespace of the pod are harmless. Upstream: `pkg/kubelet/sysctl/allowlist.go`.
 */
export function refusal(pod: Pod): { reason: string; message: string } | undefined {
  const { securityContext, hostNetwork, hostIPC } = pod.spec ?? {};
  for (const { name } of securityContext?.sysctls ?? []) {
    const plain = name.replaceAll('/', '.');
    const isNetwork = networkSysctls.test(plain);
    const reason = 'SysctlForbidden';
    if (!isNetwork && !ipcSysctls.test(plain))
      return { reason, message: `forbidden sysctl: "${name}" not allowlisted` };
    if (isNetwork && hostNetwork)
      return { reason, message: `forbidden sysctl: "${name}" not allowed with host net enabled` };
    if (!isNetwork && hostIPC)
      return { reason, message: `forbidden sysctl: "${name}" not allowed with host ipc enabled` };
  }
  return undefined;
}
