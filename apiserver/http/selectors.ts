import type { KubeObject } from '../../api/object.ts';
import { statusError } from '../../api/status.ts';

export interface FieldRequirement {
  field: string;
  equal: boolean;
  value: string;
}

/** Splits `fieldSelector`: `metadata.name=web,status.phase!=Running`. @throws StatusError BadRequest */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return text
    .split(/(?<!\\),/)
    .filter((term) => term.trim() !== '')
    .map((term) => {
      const parsed = /^([^=!]+)(==|!=|=)(.*)$/.exec(term.trim());
      if (!parsed) {
        throw statusError(
          'BadRequest',
          `invalid selector: ${JSON.stringify(text)}; can't understand ${JSON.stringify(term)}`,
        );
      }
      const [, field = '', operator, value = ''] = parsed;
      return { field, equal: operator !== '!=', value: value.replace(/\\(.)/g, '$1') };
    });
}

/** The fields every kind can be selected by. */
export function metadataFields({ metadata }: KubeObject): Record<string, string> {
  return { 'metadata.name': metadata?.name ?? '', 'metadata.namespace': metadata?.namespace ?? '' };
}

/** @throws StatusError BadRequest for a field that the kind does not offer */
export function checkFields(requirements: readonly FieldRequirement[], known: readonly string[]): void {
  for (const { field } of requirements) {
    if (known.includes(field)) continue;
    throw statusError(
      'BadRequest',
      known.length > 2
        ? `field label not supported: ${field}`
        : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
    );
  }
}
