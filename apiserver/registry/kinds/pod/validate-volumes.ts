import type { Volume } from '../../../../api/types.ts';
import { quantityValue } from '../../../schema/quantity.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dnsLabel } from '../validation/names.ts';
import { validateItems, validateMode, validatePodFile, validateProjected } from './validate-files.ts';

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
  if (secret) {
    const at = `${field}.secret`;
    if (!secret.secretName) errors.push(required(`${at}.secretName`));
    errors.push(...validateMode(`${at}.defaultMode`, secret.defaultMode));
    errors.push(...validateItems(`${at}.items`, secret.items));
  }
  if (configMap) {
    const at = `${field}.configMap`;
    if (!configMap.name) errors.push(required(`${at}.name`));
    errors.push(...validateMode(`${at}.defaultMode`, configMap.defaultMode));
    errors.push(...validateItems(`${at}.items`, configMap.items));
  }
  if (persistentVolumeClaim && !persistentVolumeClaim.claimName) {
    errors.push(required(`${field}.persistentVolumeClaim.claimName`));
  }
  return [...errors, ...validateOthers(field, volume)];
}

function validateOthers(field: string, volume: Volume): FieldError[] {
  const { downwardAPI, projected, emptyDir, nfs, csi, ephemeral } = volume;
  const errors: FieldError[] = [];
  if (emptyDir?.sizeLimit !== undefined && quantityValue(emptyDir.sizeLimit) < 0) {
    const detail = 'SizeLimit field must be a valid resource quantity';
    errors.push(forbidden(`${field}.emptyDir.sizeLimit`, detail));
  }
  if (downwardAPI) {
    const at = `${field}.downwardAPI`;
    errors.push(...validateMode(`${at}.defaultMode`, downwardAPI.defaultMode));
    for (const file of downwardAPI.items ?? []) errors.push(...validatePodFile(at, file));
  }
  if (projected) errors.push(...validateProjected(`${field}.projected`, projected));
  if (nfs) {
    const at = `${field}.nfs`;
    if (!nfs.server) errors.push(required(`${at}.server`));
    if (!nfs.path) errors.push(required(`${at}.path`));
    if (!nfs.path?.startsWith('/')) {
      errors.push(invalid(`${at}.path`, nfs.path ?? '', 'must be an absolute path'));
    }
  }
  if (csi && !csi.driver) errors.push(required(`${field}.csi.driver`));
  if (ephemeral && !ephemeral.volumeClaimTemplate) {
    errors.push(required(`${field}.ephemeral.volumeClaimTemplate`));
  }
  return errors;
}
