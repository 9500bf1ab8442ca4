import { hasCondition } from '../../../api/custom-resources.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
} from '../../../api/types.ts';
import { invalid, oneOf, required } from '../../registry/kinds/validation/field.ts';
import { dns1035Label, dnsSubdomain } from '../../registry/kinds/validation/names.ts';
import type { FieldError } from '../../registry/strategy.ts';
import { approvalErrors } from './approval.ts';
import { validateConversion } from './conversion.ts';
import { validateVersion } from './version.ts';

/** Checks a CustomResourceDefinition. Upstream: `pkg/apis/apiextensions/validation/validation.go`. */
export function validateDefinition(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const { spec, status, metadata } = definition;
  if (!spec) return [required('spec')];
  const errors: FieldError[] = [];
  const name = metadata?.name ?? '';
  if (!old && name !== `${spec.names?.plural ?? ''}.${spec.group ?? ''}`)
    errors.push(invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group'));
  errors.push(...validateSpec(spec));
  if (old) errors.push(...immutable(definition, old));
  const accepted = status?.acceptedNames;
  if (accepted) errors.push(...validateNames(accepted, 'status.acceptedNames'));
  errors.push(...validateStoredVersions(definition));
  errors.push(...approvalErrors(definition, old));
  if (spec.preserveUnknownFields && !old?.spec.preserveUnknownFields) {
    const text =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalid('spec.preserveUnknownFields', true, text));
  }
  return errors;
}

function validateSpec(spec: CustomResourceDefinitionSpec): FieldError[] {
  const { group = '', versions = [], names, conversion } = spec;
  const errors: FieldError[] = [];
  if (!group) errors.push(required('spec.group'));
  else if (dnsSubdomain(group).length > 0)
    errors.push(invalid('spec.group', group, dnsSubdomain(group).join(',')));
  else if (!group.includes('.'))
    errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  errors.push(...oneOf('spec.scope', spec.scope, ['Cluster', 'Namespaced']));
  for (const [index, version] of versions.entries()) {
    const field = `spec.versions[${index}]`;
    const problems = dns1035Label(version.name ?? '');
    if (!version.schema?.openAPIV3Schema)
      errors.push(required(`${field}.schema.openAPIV3Schema`, 'schemas are required'));
    if (problems.length > 0) errors.push(invalid(`${field}.name`, version.name, problems.join(',')));
    errors.push(...validateVersion(version, field));
  }
  if (new Set(versions.map(({ name }) => name)).size < versions.length)
    errors.push(invalid('spec.versions', versions, 'must contain unique version names'));
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(
      invalid('spec.versions', versions, 'must have exactly one version marked as storage version'),
    );
  for (const part of ['plural', 'singular', 'kind', 'listKind'] as const)
    if (!names?.[part]) errors.push(required(`spec.names.${part}`));
  if (names) errors.push(...validateNames(names, 'spec.names'));
  return [...errors, ...validateConversion(conversion)];
}

function validateNames(names: CustomResourceDefinitionNames, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const part of ['plural', 'singular'] as const) {
    const problems = names[part] ? dns1035Label(names[part]) : [];
    if (problems.length > 0) errors.push(invalid(`${field}.${part}`, names[part], problems.join(',')));
  }
  for (const part of ['kind', 'listKind'] as const) {
    const problems = names[part] ? dns1035Label(names[part].toLowerCase()) : [];
    const text = `may have mixed case, but should otherwise match: ${problems.join(',')}`;
    if (problems.length > 0) errors.push(invalid(`${field}.${part}`, names[part], text));
  }
  for (const part of ['shortNames', 'categories'] as const) {
    if (part === 'categories' && names.kind && names.kind === names.listKind)
      errors.push(invalid(`${field}.listKind`, names.listKind, 'kind and listKind may not be the same'));
    for (const [index, name] of (names[part] ?? []).entries()) {
      const problems = dns1035Label(name);
      if (problems.length > 0) errors.push(invalid(`${field}.${part}[${index}]`, name, problems.join(',')));
    }
  }
  return errors;
}

function immutable(definition: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  const { spec } = definition;
  const fields: [string, string | undefined, string | undefined][] = [];
  if (hasCondition(old, 'Established')) {
    fields.push(['spec.scope', spec.scope, old.spec.scope]);
    fields.push(['spec.names.kind', spec.names?.kind, old.spec.names.kind]);
  }
  fields.push(['spec.group', spec.group, old.spec.group]);
  fields.push(['spec.names.plural', spec.names?.plural, old.spec.names.plural]);
  return fields
    .filter(([, now, before]) => now !== before)
    .map(([field, now]) => invalid(field, now, 'field is immutable'));
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition): FieldError[] {
  const field = 'status.storedVersions';
  const stored = status?.storedVersions ?? [];
  const names = (spec.versions ?? []).map(({ name }) => name);
  if (stored.length === 0) return [invalid(field, stored, 'must have at least one stored version')];
  const storage = spec.versions?.find((version) => version.storage)?.name;
  const errors: FieldError[] = [];
  if (storage && !stored.includes(storage))
    errors.push(invalid(field, storage, `must have the storage version ${storage}`));
  for (const [index, name] of stored.entries()) {
    if (!names.includes(name))
      errors.push(invalid(`${field}[${index}]`, name, 'must appear in spec.versions'));
  }
  return errors;
}
