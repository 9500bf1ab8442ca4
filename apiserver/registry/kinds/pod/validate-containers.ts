import type { Container, ContainerPort, ResourceRequirements } from '../../../../api/types.ts';
import { quantityValue } from '../../../schema/quantity.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, invalid, invalidEach, notFound, oneOf, required } from '../validation/field.ts';
import { dnsLabel, portName, portNumber, qualifiedName } from '../validation/names.ts';
import { validateVariable, validateVariables } from './validate-environment.ts';
import { validateProbes } from './validate-probes.ts';
import { validateSecurity } from './validate-security.ts';

/** Upstream: `validateContainers` in `pkg/apis/core/validation/validation.go`. `volumes` are names; `grace` in seconds. */
export function validateContainers(
  path: string,
  containers: readonly Container[],
  volumes: ReadonlySet<string>,
  grace?: number,
): FieldError[] {
  if (containers.length === 0) return [required(path)];
  const names = new Set<string>();
  const hostPorts = new Set<string>();
  return containers.flatMap((container, index) => {
    const field = `${path}[${index}]`;
    const { name = '', image = '' } = container;
    const errors: FieldError[] = [];
    if (name === '') errors.push(required(`${field}.name`));
    else errors.push(...invalidEach(`${field}.name`, name, dnsLabel(name)));
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
    if (image === '') errors.push(required(`${field}.image`));
    else if (image !== image.trim()) {
      errors.push(invalid(`${field}.image`, image, 'must not have leading or trailing whitespace'));
    }
    return [
      ...errors,
      ...validateProbes(field, container, grace),
      ...validateSecurity(`${field}.securityContext`, container.securityContext),
      ...validatePolicies(field, container),
      ...validatePorts(`${field}.ports`, container.ports ?? [], hostPorts),
      ...(container.env ?? []).flatMap((one, at) => validateVariable(`${field}.env[${at}]`, one)),
      ...(container.envFrom ?? []).flatMap((one, at) => validateVariables(`${field}.envFrom`, at, one)),
      ...validateMounts(`${field}.volumeMounts`, container, volumes),
      ...validateResources(`${field}.resources`, container.resources ?? {}),
    ];
  });
}

function validatePolicies(field: string, container: Container): FieldError[] {
  const { imagePullPolicy, terminationMessagePolicy: message } = container;
  const errors = oneOf(`${field}.imagePullPolicy`, imagePullPolicy, ['Always', 'IfNotPresent', 'Never']);
  if (message !== 'File' && message !== 'FallbackToLogsOnError') {
    const detail = "must be 'File' or 'FallbackToLogsOnError'";
    const at = `${field}.terminationMessagePolicy`;
    errors.push(message ? invalid(at, message, detail) : required(at, detail));
  }
  return errors;
}

function validatePorts(path: string, ports: readonly ContainerPort[], hostPorts: Set<string>): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap(({ name, containerPort, hostPort, hostIP, protocol }, index) => {
    const field = `${path}[${index}]`;
    const errors: FieldError[] = [];
    if (name) {
      const problems = portName(name);
      errors.push(...invalidEach(`${field}.name`, name, problems));
      if (problems.length === 0 && names.has(name)) errors.push(duplicate(`${field}.name`, name));
      names.add(name);
    }
    if (!containerPort) errors.push(required(`${field}.containerPort`));
    else errors.push(...invalidEach(`${field}.containerPort`, containerPort, portNumber(containerPort)));
    if (hostPort) {
      errors.push(...invalidEach(`${field}.hostPort`, hostPort, portNumber(hostPort)));
      const key = `${protocol}/${hostIP ?? ''}/${hostPort}`;
      if (hostPorts.has(key)) errors.push(duplicate(`${field}.hostPort`, key));
      hostPorts.add(key);
    }
    return [...errors, ...oneOf(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'])];
  });
}

function validateMounts(
  path: string,
  { volumeMounts = [] }: Container,
  volumes: ReadonlySet<string>,
): FieldError[] {
  const paths = new Set<string>();
  return volumeMounts.flatMap(({ name, mountPath, subPath = '', subPathExpr = '' }, index) => {
    const field = `${path}[${index}]`;
    const errors: FieldError[] = [];
    if (!name) errors.push(required(`${field}.name`));
    if (!volumes.has(name)) errors.push(notFound(`${field}.name`, name));
    if (!mountPath) errors.push(required(`${field}.mountPath`));
    if (paths.has(mountPath)) errors.push(invalid(`${field}.mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
    for (const [key, part] of Object.entries({ subPath, subPathExpr })) {
      if (part.startsWith('/')) errors.push(invalid(`${field}.${key}`, part, 'must be a relative path'));
      if (part.split('/').includes('..')) {
        errors.push(invalid(`${field}.${key}`, part, "must not contain '..'"));
      }
    }
    if (subPath && subPathExpr) {
      errors.push(
        invalid(`${field}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      );
    }
    return errors;
  });
}

const standardResources = ['cpu', 'memory', 'ephemeral-storage'];

function validateResources(path: string, { limits = {}, requests = {} }: ResourceRequirements): FieldError[] {
  const errors: FieldError[] = [];
  for (const [kind, list] of Object.entries({ limits, requests })) {
    for (const [name, text] of Object.entries(list)) {
      const field = `${path}.${kind}[${name}]`;
      errors.push(...invalidEach(field, name, qualifiedName(name)));
      if (!name.includes('/') && !standardResources.includes(name) && !name.startsWith('hugepages-')) {
        errors.push(invalid(field, name, 'must be a standard resource type or fully qualified'));
        errors.push(invalid(field, name, 'must be a standard resource for containers'));
      }
      if (quantityValue(text) < 0) errors.push(invalid(field, text, 'must be greater than or equal to 0'));
    }
  }
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit !== undefined && quantityValue(request) > quantityValue(limit)) {
      errors.push(
        invalid(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`),
      );
    }
  }
  return errors;
}
