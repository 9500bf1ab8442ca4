import { X509Certificate } from 'node:crypto';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  CertificateSigningRequestSpec,
} from '../../../../api/types.ts';
import { readRequest } from '../../../../api/x509/request.ts';
import { keyUsages } from '../../../../api/x509/usages.ts';
import type { FieldError } from '../../strategy.ts';
import { duplicate, forbidden, invalid, notSupported, required, tooLong } from './field.ts';
import { dnsLabel, dnsSubdomain } from './names.ts';
import { isSameValue } from './same.ts';

/** Conditions that decide about a request: they may be true or absent, and do not go again. */
const decisive = ['Approved', 'Denied', 'Failed'];
const legacySigner = 'kubernetes.io/legacy-unknown';
const shortestExpiration = 600;
const longestDomain = 253;
const longestSigner = 571;

/**
 * Upstream: `pkg/apis/certificates/validation/validation.go`.
 * @param mayBeLegacy whether the signer may be the one that `v1beta1` gave to who named none
 */
export function validateRequest(
  { spec, status }: CertificateSigningRequest,
  mayBeLegacy = false,
): FieldError[] {
  const { usages = [], signerName = '', expirationSeconds } = spec;
  const known = Object.keys(keyUsages).sort();
  const errors = validateSignedRequest(spec);
  if (usages.length === 0) errors.push(required('spec.usages', 'usages must be provided'));
  usages.forEach((usage, index) => {
    if (!known.includes(usage)) errors.push(notSupported(`spec.usages[${index}]`, usage, known));
    if (usages.indexOf(usage) < index) errors.push(duplicate(`spec.usages[${index}]`, usage));
  });
  if (signerName === legacySigner && !mayBeLegacy) {
    const detail = 'the legacy signerName is not allowed via this API version';
    errors.push(invalid('spec.signerName', signerName, detail));
  } else errors.push(...validateSignerName(signerName));
  if (expirationSeconds !== undefined && expirationSeconds < shortestExpiration) {
    const detail = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, detail));
  }
  return [
    ...errors,
    ...validateConditions(status?.conditions ?? []),
    ...validateCertificate(status?.certificate),
  ];
}

/** What a write through the object itself (no `subresource`), `approval` or `status` may not change. */
export function validateRequestChange(
  { status = {} }: CertificateSigningRequest,
  { status: before = {} }: CertificateSigningRequest,
  subresource: string | undefined,
): FieldError[] {
  const field = 'status.conditions';
  const errors = decisive.flatMap((type) => {
    const of = (conditions: readonly CertificateSigningRequestCondition[] = []) =>
      conditions.filter((condition) => condition.type === type);
    const [now, then] = [of(status.conditions), of(before.conditions)];
    const named = `a condition of type ${JSON.stringify(type)}`;
    if (now.length < then.length) return [forbidden(field, `updates may not remove ${named}`)];
    if (subresource === 'approval' || type === 'Failed') return [];
    if (now.length > then.length) return [forbidden(field, `updates may not add ${named}`)];
    return isSameValue(now, then) ? [] : [forbidden(field, `updates may not modify ${named}`)];
  });
  if ((status.certificate ?? '') === (before.certificate ?? '')) return errors;
  if (subresource !== 'status') {
    errors.push(forbidden('status.certificate', 'updates may not set certificate content'));
  } else if (before.certificate) {
    errors.push(forbidden('status.certificate', 'updates may not modify existing certificate content'));
  }
  return errors;
}

/** The request must be one, and by who has the key. */
function validateSignedRequest({ request }: CertificateSigningRequestSpec): FieldError[] {
  try {
    readRequest(Buffer.from(request ?? '', 'base64').toString('utf8'));
    return [];
  } catch (error) {
    return [invalid('spec.request', request, error instanceof Error ? error.message : String(error))];
  }
}

/** `example.com/signer-name` */
function validateSignerName(name: string): FieldError[] {
  const field = 'spec.signerName';
  if (name === '') return [required(field, 'signerName must be provided')];
  const [domain = '', path, ...more] = name.split('/');
  if (path === undefined || more.length > 0) {
    const detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    return [invalid(field, name, detail)];
  }
  const errors = domain.length > longestDomain ? [tooLong(field, longestDomain)] : [];
  errors.push(...validateLabels(domain, dnsLabel));
  if (!domain.includes('.')) {
    const detail = 'should be a domain with at least two segments separated by dots';
    errors.push(invalid(field, domain, detail));
  }
  errors.push(...validateLabels(path, dnsSubdomain));
  return name.length > longestSigner ? [...errors, tooLong(field, longestSigner)] : errors;
}

/** Tells of the first label that is none. */
function validateLabels(segment: string, check: (label: string) => string[]): FieldError[] {
  const wrong = segment.split('.').find((label) => check(label).length > 0);
  if (wrong === undefined) return [];
  return check(wrong).map((detail) =>
    invalid('spec.signerName', segment, `validating label ${JSON.stringify(wrong)}: ${detail}`),
  );
}

function validateConditions(conditions: readonly CertificateSigningRequestCondition[]): FieldError[] {
  return conditions.flatMap(({ type, status }, index) => {
    const field = `status.conditions[${index}]`;
    const values = decisive.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    const errors = type ? [] : [required(`${field}.type`)];
    if (!status) errors.push(required(`${field}.status`));
    else if (!values.includes(status)) errors.push(notSupported(`${field}.status`, status, values));
    const before = conditions.slice(0, index).map((other) => other.type);
    const opposite = { Approved: 'Denied', Denied: 'Approved' }[type];
    if (opposite && before.includes(opposite)) {
      const detail = 'Approved and Denied conditions are mutually exclusive';
      errors.push(invalid(`${field}.type`, type, detail));
    }
    if (before.includes(type)) errors.push(duplicate(`${field}.type`, type));
    return errors;
  });
}

/** `certificate` is base64 of one or more PEM blocks, as bytes are in JSON. */
function validateCertificate(certificate: string | undefined): FieldError[] {
  if (!certificate) return [];
  const wrong = (detail: string) => [invalid('status.certificate', '<certificate data>', detail)];
  const text = Buffer.from(certificate, 'base64').toString('utf8');
  const blocks = text.match(/-----BEGIN ([^-]+)-----[\s\S]*?-----END \1-----/g) ?? [];
  if (blocks.length === 0) return wrong('must contain at least one CERTIFICATE PEM block');
  for (const block of blocks) {
    const label = /^-----BEGIN ([^-]+)-----/.exec(block)?.[1] ?? '';
    if (label !== 'CERTIFICATE') {
      return wrong(`only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(label)}`);
    }
    try {
      new X509Certificate(block);
    } catch (error) {
      return wrong(error instanceof Error ? error.message : String(error));
    }
  }
  return [];
}
