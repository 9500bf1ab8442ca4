import type { FieldError } from '../../strategy.ts';
import { notSupported, required } from '../validation/field.ts';

const short: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** `RWO,ROX`, each once, in upstream's order. Upstream: `helper.GetAccessModesAsString`. */
export function formatAccessModes(modes: readonly string[] | undefined): string {
  return Object.entries(short)
    .filter(([mode]) => modes?.includes(mode))
    .map(([, letters]) => letters)
    .join(',');
}

/** Upstream: `ValidatePersistentVolumeSpec`, `ValidatePersistentVolumeClaimSpec`. */
export function validateAccessModes(modes: readonly string[] = [], detail = ''): FieldError[] {
  const field = 'spec.accessModes';
  if (modes.length === 0) return [required(field, detail)];
  return modes
    .filter((mode) => !short[mode])
    .map((mode) => notSupported(field, mode, Object.keys(short).sort()));
}

export function validateVolumeMode(mode: string | undefined): FieldError[] {
  const supported = ['Block', 'Filesystem'];
  return mode === undefined || supported.includes(mode)
    ? []
    : [notSupported('spec.volumeMode', mode, supported)];
}
