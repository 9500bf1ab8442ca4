import type { KubeObject } from '../../api/object.ts';
import { statusError } from '../../api/status.ts';
import type { CustomRules } from '../registry/strategy.ts';
import { parseJson } from '../schema/parse.ts';
import { readBody } from './body.ts';
import { checkForce } from './fields.ts';
import { parseMediaType } from './negotiate.ts';
import type { Call } from './objects.ts';
import { parseFieldValidation } from './query.ts';
import { addWarning } from './respond.ts';

/** Reads a PATCH body; the function it returns applies it to an object of the type, without changing that. */
export async function readPatch(
  call: Pick<Call, 'request' | 'response' | 'query'>,
  type: string,
  custom?: CustomRules,
): Promise<(current: KubeObject | undefined) => KubeObject> {
  const { request, query } = call;
  const mediaType = request.headers['content-type'] ?? '';
  checkForce(call);
  const [body, { applyPatch, patchMediaTypes }, { decodePatched }] = await Promise.all([
    readBody(request),
    import('../patch/patch.ts'),
    import('../schema/decode.ts'),
  ]);
  // Without Go types there are no patch strategies.
  const types = patchMediaTypes.filter((one) => !custom || custom.type || !one.includes('strategic'));
  if (!types.some((one) => one === parseMediaType(mediaType).type)) {
    throw statusError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${types.join(', ')}`,
      {},
    );
  }
  const { value, duplicates } = parseJson(body.toString('utf8'));
  const validation = parseFieldValidation(query);
  const findings = findingsOf(value, duplicates);
  return (current) => {
    const patched = applyPatch(type, mediaType, custom && current ? custom.present(current) : current, value);
    const { object, warnings } = custom
      ? custom.decode(patched, validation, duplicates)
      : decodePatched(
          type,
          patched,
          validation,
          mediaType.includes('strategic') ? value : undefined,
          findings,
        );
    for (const warning of warnings) addWarning(call.response, warning);
    return object;
  };
}

/** What upstream's strict decoder says of a patch itself, of a JSON patch also which fields no operation has. */
function findingsOf(patch: unknown, duplicates: readonly string[]): string[] {
  const twice = duplicates.map((field) => `duplicate field ${JSON.stringify(field)}`);
  if (!Array.isArray(patch)) return twice;
  const unknown = patch.flatMap((operation: unknown, index) =>
    Object.keys(Object(operation))
      .filter((field) => !['op', 'path', 'from', 'value'].includes(field))
      .map((field) => `unknown field ${JSON.stringify(`[${index}].${field}`)}`),
  );
  return [...twice, ...unknown].map((finding) => `json patch ${finding}`);
}
