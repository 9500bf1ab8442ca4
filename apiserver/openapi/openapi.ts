/** OpenAPI documents, built when first asked for. */
export interface OpenApi {
  /** Body of `/openapi/v3`. */
  index(): string;
  /** Body of `/openapi/v3/PATH` (`api/v1`, `apis/apps/v1`), or undefined. `etag` without quotes is also the `hash` of the index. */
  groupVersion(path: string): { text: string; etag: string } | undefined;
  /** Body of `/openapi/v2` (JSON). */
  v2(): { text: string; etag: string };
}

/** Stub. */
export function createOpenApi(): OpenApi {
  return { index: () => '{"paths":{}}', groupVersion: () => undefined, v2: () => ({ text: '{}', etag: '' }) };
}
