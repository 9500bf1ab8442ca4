import type { Volume } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dnsLabel } from '../validation/names.ts';

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

/** Upstream: `ValidateVolumes` in `pkg/apis/core/validation/validation.go`. */
export function validateVolumes(path: string, volumes: readonly Volume[]): FieldError[] {
  const names = new Set<string>();
  return volumes.flatMap((volume, index) => {
    const field = `${path}[${index}]`;
    const { name } = volume;
    const errors = validateSource(field, volume);
    if (!name) errors.push(required(`${field}.name`));
    else errors.push(...invalidEach(`${field}.name`, name, dnsLabel(name)));
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
    return errors;
  });
}

function validateSource(field: string, volume: Volume): FieldError[] {
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  const [, ...others] = sources;
  if (sources.length === 0) return [required(field, 'must specify a volume type')];
  const errors = others.map((source) =>
    forbidden(`${field}.${source}`, 'may not specify more than 1 volume type'),
  );
  const { hostPath, secret, configMap, persistentVolumeClaim } = volume;
  if (hostPath) {
    if (!hostPath.path) errors.push(required(`${field}.hostPath.path`));
    else if (hostPath.path.split('/').includes('..')) {
      errors.push(invalid(`${field}.hostPath.path`, hostPath.path, "must not contain '..'"));
    }
    const { type = '' } = hostPath;
    if (!hostPathTypes.includes(type))
      errors.push(notSupported(`${field}.hostPath.type`, type, hostPathTypes));
  }
  if (secret && !secret.secretName) errors.push(required(`${field}.secret.secretName`));
  if (configMap && !configMap.name) errors.push(required(`${field}.configMap.name`));
  if (persistentVolumeClaim && !persistentVolumeClaim.claimName) {
    errors.push(required(`${field}.persistentVolumeClaim.claimName`));
  }
  return errors;
}
