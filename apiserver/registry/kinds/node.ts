import { resources } from '../../../api/scheme.ts';
import type { Node, NodeSpec, Taint } from '../../../api/types.ts';
import { nodeColumns } from '../../table/columns/nodes.ts';
import type { FieldError, Strategy } from '../strategy.ts';
import { duplicate, forbidden, invalid, invalidEach, oneOf, required } from './validation/field.ts';
import { cidr, familyOf, labelValue, qualifiedName } from './validation/names.ts';
import { isSameValue } from './validation/same.ts';

/** Upstream: `ValidateNode` and `ValidateNodeUpdate` in `pkg/apis/core/validation/validation.go`. */
export const nodeStrategy: Strategy<Node> = {
  resource: resources.nodes,
  defaults(node) {
    node.spec ??= {};
    const { spec, status } = node;
    if (spec.podCIDR && !spec.podCIDRs?.length) spec.podCIDRs = [spec.podCIDR];
    if (!spec.podCIDR && spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
    if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
  },
  prepare(node, old) {
    if (old?.status) node.status = old.status;
  },
  validate(node, old) {
    const spec = node.spec ?? {};
    return [
      ...validatePodCidrs(spec),
      ...(spec.taints ?? []).flatMap((taint, index) => validateTaint(spec.taints ?? [], taint, index)),
      ...validateAddresses(node),
      ...(old ? validateChange(spec, old.spec ?? {}) : []),
    ];
  },
  selectableFields: ({ spec }) => ({ 'spec.unschedulable': String(spec?.unschedulable ?? false) }),
  columns: nodeColumns,
};

function validatePodCidrs({ podCIDR, podCIDRs = [] }: NodeSpec): FieldError[] {
  const errors = podCIDRs.flatMap((range, index) =>
    invalidEach(`spec.podCIDRs[${index}]`, range, cidr(range)),
  );
  if (podCIDR && podCIDRs[0] !== podCIDR) {
    errors.push(invalid('spec.podCIDR', podCIDR, 'must match the first value of podCIDRs'));
  }
  if (podCIDRs.length > 1 && new Set(podCIDRs.map(familyOf)).size < podCIDRs.length) {
    errors.push(invalid('spec.podCIDRs', podCIDRs, 'may specify no more than one CIDR for each IP family'));
  }
  return errors;
}

function validateTaint(taints: readonly Taint[], taint: Taint, index: number): FieldError[] {
  const field = `spec.taints[${index}]`;
  const { key = '', value = '', effect } = taint;
  const errors =
    key === '' ? [required(`${field}.key`)] : invalidEach(`${field}.key`, key, qualifiedName(key));
  const problems = labelValue(value);
  if (problems.length > 0) errors.push(invalid(`${field}.value`, value, problems.join(';')));
  errors.push(...oneOf(`${field}.effect`, effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']));
  const first = taints.findIndex((other) => other.key === key && other.effect === effect);
  if (first < index) errors.push(duplicate(field, taint));
  return errors;
}

function validateAddresses({ status }: Node): FieldError[] {
  const seen = new Set<string>();
  return (status?.addresses ?? []).flatMap((address, index) => {
    const key = `${address.type} ${address.address}`;
    if (seen.has(key)) return [duplicate(`status.addresses[${index}]`, address)];
    seen.add(key);
    return [];
  });
}

function validateChange(spec: NodeSpec, before: NodeSpec): FieldError[] {
  const errors: FieldError[] = [];
  const only = (what: string) => `node updates may not change ${what} except from "" to valid`;
  if (before.podCIDRs?.length && !isSameValue(spec.podCIDRs, before.podCIDRs)) {
    errors.push(forbidden('spec.podCIDRs', only('podCIDR')));
  }
  if (before.providerID && spec.providerID !== before.providerID) {
    errors.push(forbidden('spec.providerID', only('providerID')));
  }
  return errors;
}
