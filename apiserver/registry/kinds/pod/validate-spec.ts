import type { PodSpec, Toleration } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, invalid, invalidEach, notSupported, oneOf, required } from '../validation/field.ts';
import { validateLabels } from '../validation/metadata.ts';
import { dnsLabel, dnsSubdomain, ipAddress, labelValue, qualifiedName } from '../validation/names.ts';
import { validateContainers } from './validate-containers.ts';
import { validatePlacement } from './validate-placement.ts';
import { validatePodSecurity } from './validate-security.ts';
import { validateVolumes } from './validate-volumes.ts';

/** Upstream: `ValidatePodSpec` in `pkg/apis/core/validation/validation.go`. `path` is `spec` or `spec.template.spec`. */
export function validatePodSpec(path: string, spec: PodSpec): FieldError[] {
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
  const { serviceAccountName, nodeName, hostname, subdomain, terminationGracePeriodSeconds: grace } = spec;
  return [
    ...validateVolumes(`${path}.volumes`, spec.volumes ?? []),
    ...validateContainers(`${path}.containers`, spec.containers ?? [], volumes, grace),
    ...validateInitContainers(path, spec, volumes),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'Never', 'OnFailure']),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, [
      'ClusterFirst',
      'ClusterFirstWithHostNet',
      'Default',
      'None',
    ]),
    ...validateLabels(`${path}.nodeSelector`, spec.nodeSelector),
    ...validateGrace(path, spec),
    ...validateDns(`${path}.dnsConfig`, spec),
    ...validateName(`${path}.serviceAccountName`, serviceAccountName, dnsSubdomain),
    ...validateName(`${path}.nodeName`, nodeName, dnsSubdomain),
    ...validateName(`${path}.hostname`, hostname, dnsLabel),
    ...validateName(`${path}.subdomain`, subdomain, dnsLabel),
    ...(spec.tolerations ?? []).flatMap((one, index) =>
      validateToleration(`${path}.tolerations[${index}]`, one),
    ),
    ...validatePlacement(path, spec),
    ...validatePodSecurity(path, spec),
    ...validateAliases(`${path}.hostAliases`, spec),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name }, index) =>
      name ? [] : [required(`${path}.imagePullSecrets[${index}].name`)],
    ),
  ];
}

function validateName(
  field: string,
  name: string | undefined,
  check: (name: string) => string[],
): FieldError[] {
  return name ? invalidEach(field, name, check(name)) : [];
}

function validateInitContainers(path: string, spec: PodSpec, volumes: ReadonlySet<string>): FieldError[] {
  const { initContainers = [] } = spec;
  if (initContainers.length === 0) return [];
  const field = `${path}.initContainers`;
  const names = new Set((spec.containers ?? []).map(({ name }) => name));
  const errors = validateContainers(field, initContainers, volumes, spec.terminationGracePeriodSeconds);
  for (const [index, container] of initContainers.entries()) {
    if (names.has(container.name)) errors.push(duplicate(`${field}[${index}].name`, container.name));
    const { restartPolicy } = container;
    if (restartPolicy && restartPolicy !== 'Always') {
      errors.push(notSupported(`${field}[${index}].restartPolicy`, restartPolicy, ['Always']));
    }
    if (restartPolicy === 'Always') continue;
    for (const probe of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (!container[probe]) continue;
      const detail = 'may not be set for init containers without restartPolicy=Always';
      errors.push({
        reason: 'FieldValueForbidden',
        field: `${field}[${index}].${probe}`,
        message: `Forbidden: ${detail}`,
      });
    }
  }
  return errors;
}

function validateGrace(path: string, spec: PodSpec): FieldError[] {
  const { activeDeadlineSeconds: deadline } = spec;
  if (deadline === undefined || (deadline >= 1 && deadline <= 2 ** 31 - 1)) return [];
  return [invalid(`${path}.activeDeadlineSeconds`, deadline, 'must be between 1 and 2147483647, inclusive')];
}

function validateDns(field: string, { dnsPolicy, dnsConfig }: PodSpec): FieldError[] {
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [required(field, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (!dnsConfig.nameservers?.length) {
      return [
        required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
      ];
    }
  }
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  const errors: FieldError[] = [];
  if (nameservers.length > 3) {
    errors.push(invalid(`${field}.nameservers`, nameservers, 'must not have more than 3 nameservers'));
  }
  for (const [index, address] of nameservers.entries()) {
    errors.push(...invalidEach(`${field}.nameservers[${index}]`, address, ipAddress(address)));
  }
  if (searches.length > 32)
    errors.push(invalid(`${field}.searches`, searches, 'must not have more than 32 search paths'));
  if (searches.join(' ').length > 2048) {
    const detail = 'must not have more than 2048 characters (including spaces) in the search list';
    errors.push(invalid(`${field}.searches`, searches, detail));
  }
  for (const [index, search] of searches.entries()) {
    if (search === '.') continue;
    const name = search.replace(/\.$/, '').replaceAll('_', '-');
    errors.push(...invalidEach(`${field}.searches[${index}]`, search, dnsSubdomain(name)));
  }
  for (const [index, { name }] of options.entries()) {
    if (!name) errors.push(required(`${field}.options[${index}]`, 'must not be empty'));
  }
  return errors;
}

function validateToleration(field: string, toleration: Toleration): FieldError[] {
  const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration;
  const errors = key ? invalidEach(`${field}.key`, key, qualifiedName(key)) : [];
  if (!key && operator !== 'Exists') {
    const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalid(`${field}.operator`, operator, detail));
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    errors.push(
      invalid(`${field}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"),
    );
  }
  if (operator === '' || operator === 'Equal') {
    const problems = labelValue(value);
    if (problems.length > 0) errors.push(invalid(`${field}.operator`, value, problems.join(';')));
  } else if (operator !== 'Exists') {
    errors.push(notSupported(`${field}.operator`, operator, ['Equal', 'Exists']));
  } else if (value) {
    errors.push(invalid(`${field}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
  }
  const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
  if (effect && !effects.includes(effect)) errors.push(notSupported(`${field}.effect`, effect, effects));
  return errors;
}

function validateAliases(field: string, { hostAliases = [] }: PodSpec): FieldError[] {
  return hostAliases.flatMap(({ ip, hostnames = [] }, index) => [
    ...invalidEach(`${field}[${index}].ip`, ip, ipAddress(ip)),
    ...hostnames.flatMap((name) => invalidEach(`${field}[${index}].hostnames`, name, dnsSubdomain(name))),
  ]);
}
