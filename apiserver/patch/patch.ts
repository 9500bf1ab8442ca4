/** Media types a PATCH may have. */
export const patchMediaTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
] as const;

/** Applies a patch; stub. `mediaType` may carry parameters. Throws `StatusError`. Neither argument is changed. */
export function applyPatch(_type: string, _mediaType: string, original: unknown, _patch: unknown): unknown {
  return original;
}
