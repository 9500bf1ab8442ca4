import type { EphemeralContainer, Pod } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, forbidden, notFound } from '../validation/field.ts';
import { isSameValue } from '../validation/same.ts';
import { validateContainers } from './validate-containers.ts';

const path = 'spec.ephemeralContainers';

/** What is for those that serve, not for those that look. Upstream: allowedEphemeralContainerFields. */
const notForThem = [
  ...['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'],
  ...['ports', 'resources', 'resizePolicy', 'restartPolicy'],
] as const;

/**
 * A write of the subresource `ephemeralcontainers`: some are added, none changes or goes. Upstream:
 * `ValidatePodEphemeralContainersUpdate` and `validateEphemeralContainers` in `pkg/apis/core/validation/validation.go`.
 */
export function validateEphemeralContainers(pod: Pod, old: Pod): FieldError[] {
  const { containers = [], initContainers = [], ephemeralContainers = [], volumes = [] } = pod.spec ?? {};
  const errors = (old.spec?.ephemeralContainers ?? []).flatMap((before) => {
    const now = ephemeralContainers.find(({ name }) => name === before.name);
    if (!now)
      return [
        forbidden(path, `existing ephemeral containers ${JSON.stringify(before.name)} may not be removed\n`),
      ];
    if (isSameValue(now, before)) return [];
    return [
      forbidden(path, `existing ephemeral containers ${JSON.stringify(before.name)} may not be changed\n`),
    ];
  });
  if (ephemeralContainers.length === 0) return errors;
  const others = new Set([...containers, ...initContainers].map(({ name }) => name));
  return [
    ...errors,
    ...validateContainers(path, ephemeralContainers, new Set(volumes.map(({ name }) => name))),
    ...ephemeralContainers.flatMap((one, index) => [
      ...(others.has(one.name) ? [duplicate(`${path}[${index}].name`, one.name)] : []),
      ...validateOne(`${path}[${index}]`, one, others),
    ]),
  ];
}

function validateOne(field: string, one: EphemeralContainer, others: ReadonlySet<string>): FieldError[] {
  const { targetContainerName: target } = one;
  return [
    ...notForThem
      .filter((name) => one[name] !== undefined && !isSameValue(one[name], {}))
      .map((name) => forbidden(`${field}.${name}`, 'cannot be set for an Ephemeral Container')),
    ...(one.volumeMounts ?? [])
      .flatMap(({ subPath, subPathExpr }, at) => (subPath || subPathExpr ? [at] : []))
      .map((at) =>
        forbidden(`${field}.volumeMounts[${at}].subPath`, 'cannot be set for an Ephemeral Container'),
      ),
    ...(target && !others.has(target) ? [notFound(`${field}.targetContainerName`, target)] : []),
  ];
}
