import type { CustomResourceConversion } from '../../../api/types.ts';
import { forbidden, invalid, oneOf, required } from '../../registry/kinds/validation/field.ts';
import { dns1035Label } from '../../registry/kinds/validation/names.ts';
import type { FieldError } from '../../registry/strategy.ts';

const field = 'spec.conversion';
/** Of ConversionReview. */
const understood = ['v1', 'v1beta1'];

/** Upstream: `validateCustomResourceConversion`; the names of fields are those of its internal type. */
export function validateConversion(conversion: CustomResourceConversion | undefined): FieldError[] {
  if (!conversion) return [];
  const { strategy, webhook } = conversion;
  const errors = oneOf(`${field}.strategy`, strategy, ['None', 'Webhook']);
  if (strategy !== 'Webhook') {
    const text = 'should not be set when strategy is not set to Webhook';
    if (webhook?.clientConfig) errors.push(forbidden(`${field}.webhookClientConfig`, text));
    if (webhook?.conversionReviewVersions?.length)
      errors.push(forbidden(`${field}.conversionReviewVersions`, text));
    return errors;
  }
  const client = webhook?.clientConfig;
  const at = `${field}.webhookClientConfig`;
  if (!client) errors.push(required(at, 'required when strategy is set to Webhook'));
  else if ((client.url === undefined) === (client.service === undefined))
    errors.push(required(at, 'exactly one of url or service is required'));
  else if (client.url !== undefined) errors.push(...validateUrl(`${at}.url`, client.url));
  else {
    if (!client.service?.name) errors.push(required(`${at}.service.name`, 'service name is required'));
    if (!client.service?.namespace)
      errors.push(required(`${at}.service.namespace`, 'service namespace is required'));
  }
  return [...errors, ...validateReviewVersions(webhook?.conversionReviewVersions ?? [])];
}

function validateUrl(at: string, url: string): FieldError[] {
  const form = 'desired format: https://host[/path]';
  if (!URL.canParse(url)) return [required(at, `url must be a valid URL: ${form}`)];
  const { protocol, host, username, search, hash } = new URL(url);
  const errors: FieldError[] = [];
  if (protocol !== 'https:')
    errors.push(invalid(at, protocol.slice(0, -1), `'https' is the only allowed URL scheme; ${form}`));
  if (!host) errors.push(invalid(at, '', `host must be specified; ${form}`));
  if (username) errors.push(invalid(at, username, 'user information is not permitted in the URL'));
  if (hash) errors.push(invalid(at, hash.slice(1), 'fragments are not permitted in the URL'));
  if (search) errors.push(invalid(at, search.slice(1), 'query parameters are not permitted in the URL'));
  return errors;
}

function validateReviewVersions(versions: readonly string[]): FieldError[] {
  const at = `${field}.conversionReviewVersions`;
  if (versions.length === 0) return [required(at)];
  const errors: FieldError[] = [];
  for (const [index, version] of versions.entries()) {
    if (versions.indexOf(version) < index) {
      errors.push(invalid(`${at}[${index}]`, version, 'duplicate version'));
      continue;
    }
    for (const text of dns1035Label(version)) errors.push(invalid(`${at}[${index}]`, version, text));
  }
  if (!versions.some((version) => understood.includes(version)))
    errors.push(invalid(at, versions, `must include at least one of ${understood.join(', ')}`));
  return errors;
}
