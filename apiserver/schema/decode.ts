import type { KubeObject } from '../../api/object.ts';

/** The query parameter `fieldValidation`. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface Decoded {
  object: KubeObject;
  /** Texts for `Warning` headers; only with `Warn`. */
  warnings: string[];
}

/** Checks a request body; stub. */
export function decode(
  _type: string,
  value: unknown,
  _mode: FieldValidation,
  _duplicates: readonly string[] = [],
): Decoded {
  return { object: value as KubeObject, warnings: [] };
}

/** The same for an object that a patch has produced; stub. */
export function decodePatched(_type: string, value: unknown, _mode: FieldValidation): Decoded {
  return { object: value as KubeObject, warnings: [] };
}
