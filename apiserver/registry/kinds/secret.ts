import { resources } from '../../../api/scheme.ts';
import type { Secret } from '../../../api/types.ts';
import { secretColumns } from '../../table/columns/others.ts';
import type { FieldError, Strategy } from '../strategy.ts';
import { mostDataBytes, validateImmutable, validateKeys } from './config-map.ts';
import { invalid, required, tooLong } from './validation/field.ts';

/** Keys that a secret of a type must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
};

const accountName = 'kubernetes.io/service-account.name';

/** Upstream: `ValidateSecret` in `pkg/apis/core/validation/validation.go`. */
export const secretStrategy: Strategy<Secret> = {
  resource: resources.secrets,
  defaults(secret) {
    secret.type ||= 'Opaque';
    for (const [key, text] of Object.entries(secret.stringData ?? {})) {
      secret.data = { ...secret.data, [key]: Buffer.from(text).toString('base64') };
    }
    delete secret.stringData;
  },
  validate(secret, old) {
    const { data = {}, type = '' } = secret;
    const errors = validateKeys('data', data);
    const bytes = Object.values(data).reduce((sum, value) => sum + Buffer.byteLength(value, 'base64'), 0);
    if (bytes > mostDataBytes) errors.push(tooLong('data', mostDataBytes));
    if (old && old.type !== type) errors.push(invalid('type', type, 'field is immutable'));
    return [...errors, ...validateType(secret), ...validateImmutable(secret, old, ['data'])];
  },
  selectableFields: ({ type }) => ({ type: type ?? '' }),
  columns: secretColumns,
};

function validateType({ type = '', data = {}, metadata }: Secret): FieldError[] {
  const errors = (requiredKeys[type] ?? [])
    .filter((key) => !(key in data))
    .map((key) => required(`data[${key}]`));
  if (type === 'kubernetes.io/service-account-token' && !metadata?.annotations?.[accountName]) {
    errors.push(required(`metadata.annotations[${accountName}]`));
  }
  if (type === 'kubernetes.io/basic-auth' && !('username' in data) && !('password' in data)) {
    errors.push(required('data[username]'), required('data[password]'));
  }
  return errors;
}
