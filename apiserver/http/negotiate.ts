import { statusError } from '../../api/status.ts';

/** How a client wants an answer: as it is, as a Table to print, or only its metadata. */
export type Form = 'Object' | 'Table' | 'PartialObjectMetadata';

export interface Accepted {
  form: Form;
  yaml: boolean;
  protobuf: boolean;
}

const served = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const;

/**
 * The first alternative of an `Accept` header that this server has; JSON when there is no header.
 * Upstream: `apiserver/pkg/endpoints/handlers/negotiation`.
 *
 * @param inProtobuf whether the objects have a form in protobuf: those of custom kinds have none, their metadata has
 * @param inTables whether they have a form as a Table
 * @throws StatusError NotAcceptable
 */
export function negotiate(header: string | undefined, inProtobuf = true, inTables = true): Accepted {
  if (!header) return { form: 'Object', yaml: false, protobuf: false };
  for (const alternative of header.split(',')) {
    const { type, parameters } = parseMediaType(alternative);
    const wanted = type === '*/*' || type === 'application/*' ? served[0] : type;
    if (!served.some((one) => one === wanted)) continue;
    const protobuf = wanted === served[2];
    const how = { yaml: wanted === served[1], protobuf };
    const as = parameters.get('as');
    if (as === undefined) {
      if (protobuf && !inProtobuf) continue;
      return { form: 'Object', ...how };
    }
    const ours = parameters.get('g') === 'meta.k8s.io' && /^v1(beta1)?$/.test(parameters.get('v') ?? '');
    if (!ours) continue;
    // Cells of a Table are of no type that protobuf has.
    if (as === 'Table' && !protobuf && inTables) return { form: 'Table', ...how };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
      return { form: 'PartialObjectMetadata', ...how };
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
