import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  VolumeProjection,
} from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { forbidden, invalid, required } from '../validation/field.ts';
import { validateFieldRef, validateResourceRef } from './validate-environment.ts';

const mostMode = 0o777;

/** What of a pod a file in a volume may tell. */
const fieldPaths = [
  ...['metadata.annotations', 'metadata.labels', 'metadata.name'],
  ...['metadata.namespace', 'metadata.uid'],
];

/** Permissions of a file. Upstream: `fileModeErrorMsg` in `pkg/apis/core/validation/validation.go`. */
export function validateMode(field: string, mode: number | undefined): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= mostMode)) return [];
  return [invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')];
}

/** Which keys of a Secret or ConfigMap become which files. Upstream: `validateKeyToPath`. */
export function validateItems(path: string, items: readonly KeyToPath[] = []): FieldError[] {
  return items.flatMap(({ key, path: file = '', mode }, index) => {
    const field = `${path}[${index}]`;
    return [
      ...(key ? [] : [required(`${field}.key`)]),
      ...validateFilePath(`${field}.path`, file),
      ...validateMode(`${field}.mode`, mode),
    ];
  });
}

/** Upstream: `validateLocalNonReservedPath`; `..` in front is for those that write volumes. */
function validateFilePath(field: string, path: string): FieldError[] {
  const errors = path ? [] : [required(field)];
  if (path.startsWith('/')) errors.push(invalid(field, path, 'must be a relative path'));
  if (path.split('/').includes('..')) errors.push(invalid(field, path, "must not contain '..'"));
  else if (path.startsWith('..')) errors.push(invalid(field, path, "must not start with '..'"));
  return errors;
}

/** Upstream: `validateDownwardAPIVolumeFile`, which blames the list. */
export function validatePodFile(field: string, file: DownwardAPIVolumeFile): FieldError[] {
  const { fieldRef, resourceFieldRef, path = '', mode } = file;
  const errors = validateFilePath(`${field}.path`, path);
  if (fieldRef) {
    errors.push(...validateFieldRef(`${field}.fieldRef`, fieldRef, fieldPaths));
    if (resourceFieldRef) {
      const detail = 'fieldRef and resourceFieldRef can not be specified simultaneously';
      errors.push(invalid(field, 'resource', detail));
    }
  } else if (resourceFieldRef) {
    const at = `${field}.resourceFieldRef`;
    if (!resourceFieldRef.containerName) errors.push(required(`${at}.containerName`));
    else errors.push(...validateResourceRef(at, resourceFieldRef));
  } else errors.push(required(field, 'one of fieldRef and resourceFieldRef is required'));
  return [...errors, ...validateMode(`${field}.mode`, mode)];
}

/** Upstream: `validateProjectionSources`. */
export function validateProjected(field: string, { sources = [], defaultMode }: ProjectedVolumeSource) {
  const paths = new Set<string>();
  const errors = sources.flatMap((source, index) => {
    const at = `${field}.sources[${index}]`;
    const own = validateProjection(field, at, source);
    for (const { path, of } of filesOf(source)) {
      if (paths.has(path)) own.push(invalid(field, of, 'conflicting duplicate paths'));
      if (path) paths.add(path);
    }
    const kinds = Object.values(source).filter((one) => one !== undefined).length;
    if (kinds > 1) own.push(forbidden(at, 'may not specify more than 1 volume type'));
    return own;
  });
  return [...errors, ...validateMode(`${field}.defaultMode`, defaultMode)];
}

function validateProjection(field: string, at: string, source: VolumeProjection): FieldError[] {
  const { secret, configMap, downwardAPI, serviceAccountToken: token } = source;
  const errors: FieldError[] = [];
  for (const [part, of] of Object.entries({ secret, configMap })) {
    if (!of) continue;
    if (!of.name) errors.push(required(`${at}.${part}.name`));
    errors.push(...validateItems(`${at}.${part}.items`, of.items));
  }
  for (const file of downwardAPI?.items ?? []) errors.push(...validatePodFile(`${at}.downwardAPI`, file));
  if (!token) return errors;
  const { expirationSeconds: seconds = 3600, path } = token;
  const lasting = `${at}.serviceAccountToken.expirationSeconds`;
  if (seconds < 600) {
    errors.push(invalid(lasting, seconds, 'may not specify a duration less than 10 minutes'));
  }
  if (seconds > 2 ** 32) {
    errors.push(invalid(lasting, seconds, 'may not specify a duration larger than 2^32 seconds'));
  }
  if (!path) errors.push(required(`${field}.path`));
  return errors;
}

/** The files of a source, each with what upstream blames for it. */
function filesOf({ secret, configMap, downwardAPI }: VolumeProjection): { path: string; of: string }[] {
  const named = [secret, configMap].flatMap((one) =>
    (one?.items ?? []).map(({ path }) => ({ path, of: one?.name ?? '' })),
  );
  return [...named, ...(downwardAPI?.items ?? []).map(({ path }) => ({ path, of: path }))];
}
