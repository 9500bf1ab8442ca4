import type { Container, PodSpec, SecurityContext } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, invalid, required } from '../validation/field.ts';

/** The largest user or group id, and the longest name of a sysctl, that upstream takes. */
const largestId = 2 ** 31 - 1;
const longestSysctl = 253;

/** A container's. Upstream: `ValidateSecurityContext` in `pkg/apis/core/validation/validation.go`. */
export function validateSecurity(path: string, context: SecurityContext | undefined): FieldError[] {
  if (!context) return [];
  const { runAsUser, runAsGroup, allowPrivilegeEscalation, privileged, capabilities } = context;
  const errors = validateIds(path, { runAsUser, runAsGroup });
  if (allowPrivilegeEscalation !== false) return errors;
  const field = `${path}.allowPrivilegeEscalation`;
  if (privileged) {
    const detail = 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true';
    errors.push(invalid(path, context, detail));
  }
  if (capabilities?.add?.some((name) => /^(CAP_)?SYS_ADMIN$/.test(name))) {
    const detail = 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN';
    errors.push(invalid(field, allowPrivilegeEscalation, detail));
  }
  return errors;
}

/** A pod's. Upstream: `ValidatePodSecurityContext`. */
export function validatePodSecurity(path: string, spec: PodSpec): FieldError[] {
  const { securityContext: context, hostPID, shareProcessNamespace } = spec;
  const field = `${path}.securityContext`;
  const errors: FieldError[] = [];
  if (hostPID && shareProcessNamespace) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalid(`${path}.shareProcessNamespace`, shareProcessNamespace, detail));
  }
  for (const list of ['containers', 'initContainers'] as const)
    if (spec.hostNetwork) errors.push(...validateHostPorts(`${path}.${list}`, spec[list] ?? []));
  if (!context) return errors;
  const { runAsUser, runAsGroup, fsGroup, supplementalGroups = [], sysctls = [] } = context;
  errors.push(...validateIds(field, { runAsUser, runAsGroup, fsGroup }));
  for (const [index, group] of supplementalGroups.entries())
    errors.push(...validateIds(field, { [`supplementalGroups[${index}]`]: group }));
  const names = new Set<string>();
  for (const [index, { name }] of sysctls.entries()) {
    const at = `${field}.sysctls[${index}].name`;
    const plain = name.replaceAll('/', '.');
    if (name === '') errors.push(required(at));
    else if (!isSysctl(name)) {
      const detail = `must have at most ${longestSysctl} characters and match regex ${sysctlPattern.source}`;
      errors.push(invalid(at, name, detail));
    } else if (names.has(plain)) errors.push(duplicate(at, name));
    names.add(plain);
  }
  return errors;
}

/** With the node's network there is nothing between a port of the node and one of the container. */
function validateHostPorts(path: string, containers: readonly Container[]): FieldError[] {
  return containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ hostPort, containerPort }, at) =>
      hostPort === containerPort
        ? []
        : [
            invalid(
              `${path}[${index}].ports[${at}].containerPort`,
              containerPort,
              'must match `hostPort` when `hostNetwork` is true',
            ),
          ],
    ),
  );
}

const sysctlPattern = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*([a-z0-9][-_a-z0-9]*)?[a-z0-9]$/;

const isSysctl = (name: string) => name.length <= longestSysctl && sysctlPattern.test(name);

function validateIds(path: string, ids: Readonly<Record<string, number | undefined>>): FieldError[] {
  return Object.entries(ids).flatMap(([name, id]) =>
    id === undefined || (id >= 0 && id <= largestId)
      ? []
      : [invalid(`${path}.${name}`, id, 'must be between 0 and 2147483647, inclusive')],
  );
}
