import type { Container, Pod, ResourceRequirements } from '../../../../api/types.ts';
import { quantityValue } from '../../../schema/quantity.ts';
import type { FieldError } from '../../strategy.ts';
import { forbidden, invalid } from '../validation/field.ts';
import { isSameValue } from '../validation/same.ts';
import { qosClassOf } from './qos.ts';
import { validatePodSpec } from './validate-spec.ts';

const lists = ['containers', 'initContainers'] as const;
const resizable = ['cpu', 'memory'];

/** The pod with the resources of its containers from `wanted`, by their names. Upstream: `podResizeStrategy`. */
export function resized(pod: Pod, wanted: Pod): Pod {
  const next = structuredClone(pod);
  for (const list of lists) {
    for (const container of next.spec?.[list] ?? []) {
      const { resources, resizePolicy } =
        wanted.spec?.[list]?.find(({ name }) => name === container.name) ?? container;
      if (resources) container.resources = resources;
      if (resizePolicy) container.resizePolicy = resizePolicy;
    }
  }
  return next;
}

/** Upstream: `ValidatePodResize` in `pkg/apis/core/validation/validation.go`. */
export function validateResize(pod: Pod, old: Pod): FieldError[] {
  if (old.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined) {
    return [forbidden('', 'static pods cannot be resized')];
  }
  const { spec = { containers: [] } } = pod;
  const errors = validatePodSpec('spec', spec);
  const qosClass = qosClassOf(spec);
  if (qosClass !== (old.status?.qosClass ?? qosClassOf(old.spec))) {
    errors.push(invalid('spec', qosClass, 'Pod QOS Class may not change as a result of resizing'));
  }
  if (!isSupported(old)) {
    errors.push(forbidden('spec', 'Pod running on node without support for resize'));
  }
  for (const list of lists) {
    for (const [index, container] of (spec[list] ?? []).entries()) {
      const before = old.spec?.[list]?.[index];
      const field = `spec.${list}[${index}].resources`;
      if (!before || isSameValue(container.resources, before.resources)) continue;
      if (list === 'initContainers' && container.restartPolicy !== 'Always') {
        errors.push(forbidden(field, 'resources for non-sidecar init containers are immutable'));
      } else errors.push(...validateContainer(field, container, before.resources ?? {}));
    }
  }
  return errors;
}

/** A kubelet that resizes tells what a running container has. */
function isSupported({ status }: Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running);
  return !running || running.resources !== undefined;
}

function validateContainer(
  field: string,
  { resources = {}, resizePolicy = [] }: Container,
  before: ResourceRequirements,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const part of ['requests', 'limits'] as const) {
    const had = Object.keys(before[part] ?? {});
    if (had.some((name) => resources[part]?.[name] === undefined)) {
      errors.push(forbidden(`${field}.${part}`, `resource ${part} cannot be removed`));
    }
  }
  const restarts = resizePolicy.some(
    (one) => one.resourceName === 'memory' && one.restartPolicy === 'RestartContainer',
  );
  const now = quantityValue(resources.limits?.memory ?? '');
  if (!restarts && now < quantityValue(before.limits?.memory ?? '')) {
    const detail = 'memory limits cannot be decreased unless resizePolicy is RestartContainer';
    errors.push(forbidden(`${field}.limits[memory]`, detail));
  }
  const others = (of: ResourceRequirements) =>
    (['requests', 'limits'] as const).map((part) =>
      Object.entries(of[part] ?? {}).filter(([name]) => !resizable.includes(name)),
    );
  if (!isSameValue(others(resources), others(before))) {
    errors.push(forbidden(field, 'only cpu and memory resources are mutable'));
  }
  return errors;
}
