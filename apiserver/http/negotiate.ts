import { statusError } from '../../api/status.ts';

/** How a client wants an answer: as it is, as a Table to print, or only its metadata. */
export type Form = 'Object' | 'Table' | 'PartialObjectMetadata';

export interface Accepted {
  form: Form;
  yaml: boolean;
}

const served = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/**
 * The first alternative of an `Accept` header that this server has; JSON when there is no header.
 * Upstream: `apiserver/pkg/endpoints/handlers/negotiation`.
 *
 * @throws StatusError NotAcceptable
 */
export function negotiate(header: string | undefined): Accepted {
  if (!header) return { form: 'Object', yaml: false };
  for (const alternative of header.split(',')) {
    const { type, parameters } = parseMediaType(alternative);
    const yaml = type === 'application/yaml';
    if (!yaml && type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    const as = parameters.get('as');
    if (as === undefined) return { form: 'Object', yaml };
    const ours = parameters.get('g') === 'meta.k8s.io' && /^v1(beta1)?$/.test(parameters.get('v') ?? '');
    if (!ours) continue;
    if (as === 'Table') return { form: 'Table', yaml };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
      return { form: 'PartialObjectMetadata', yaml };
    }
  }
  throw statusError('NotAcceptable', `only the following media types are accepted: ${served.join(', ')}`, {});
}

export function parseMediaType(text: string): { type: string; parameters: Map<string, string> } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals > 0) parameters.set(part.slice(0, equals).toLowerCase(), part.slice(equals + 1));
  }
  return { type: type.toLowerCase(), parameters };
}
