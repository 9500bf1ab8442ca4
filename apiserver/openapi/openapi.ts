import { createHash } from 'node:crypto';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import { servedResources } from '../registry/kinds/rows.ts';
import { type Describe, describeNothing } from './descriptions.ts';
import { encodeDocument } from './gnostic.ts';
import { pathsOf } from './paths.ts';
import { type Dialect, type Schema, schemasOf } from './schemas.ts';

export interface Document {
  /** JSON. */
  text: string;
  /** Without quotes. */
  etag: string;
}

/** OpenAPI documents made from the scheme and `api/schema.json`, each built when first asked for. */
export interface OpenApi {
  /** Body of `/openapi/v3`: where each group version's document is, with its hash in the query. */
  index(): string;
  /** Body of `/openapi/v3/PATH` (`api/v1`, `apis/apps/v1`), undefined for a path that is not in the index. */
  groupVersion(path: string): Document | undefined;
  /** Body of `/openapi/v2`, all groups in one. */
  v2(): Document;
  /** The same as protobuf (`application/com.github.proto-openapi.spec.v2.v1.0+protobuf`), for kubectl up to 1.27. */
  v2Protobuf(): { bytes: Uint8Array; etag: string };
}

/** What custom kinds add. */
export interface CustomParts {
  resources: readonly Resource[];
  /** The schemas of some of them and of their lists, by name. */
  schemas(resources: readonly Resource[], dialect: Dialect): Record<string, Schema>;
}

const noCustomKinds: CustomParts = { resources: [], schemas: () => ({}) };

/**
 * @param version of the Kubernetes API that is served: `v1.33.0`
 * @param builtIn documents that were made before, of groups without custom kinds
 * @param describe what is said of kinds and fields
 */
export function createOpenApi(
  version = 'v1.33.0',
  custom = noCustomKinds,
  builtIn = new Map<string, Document>(),
  describe = describeNothing,
): OpenApi {
  const everything = () => [...servedResources.map(({ served }) => served), ...custom.resources];
  const groups = groupByPath(everything());
  const documents = new Map<string, Document>();
  const cached = (key: string, build: () => unknown, among = documents): Document => {
    const known = among.get(key);
    if (known) return known;
    const document = finish(build());
    among.set(key, document);
    return document;
  };
  const groupVersion = (path: string): Document | undefined => {
    const resources = groups.get(path);
    if (!resources) return undefined;
    const among = resources.some(({ stored }) => stored) ? documents : builtIn;
    return cached(path, () => version3(resources, version, custom, describe), among);
  };
  const v2 = () => cached('v2', () => version2(everything(), version, custom, describe));
  let protobuf: Uint8Array | undefined;
  return {
    index() {
      const paths = [...groups.keys()].map((path) => [
        path,
        { serverRelativeURL: `/openapi/v3/${path}?hash=${groupVersion(path)?.etag}` },
      ]);
      return JSON.stringify({ paths: Object.fromEntries(paths) });
    },
    groupVersion,
    v2,
    v2Protobuf() {
      protobuf ??= encodeDocument(version2(everything(), version, custom, describe));
      return { bytes: protobuf, etag: v2().etag };
    },
  };
}

/** Resources by the path of their document. */
function groupByPath(resources: readonly Resource[]): Map<string, Resource[]> {
  const groups = new Map<string, Resource[]>();
  for (const resource of resources) {
    const path = resource.group ? `apis/${apiVersionOf(resource)}` : `api/${resource.version}`;
    groups.set(path, [...(groups.get(path) ?? []), resource]);
  }
  return groups;
}

function version3(
  resources: readonly Resource[],
  version: string,
  custom: CustomParts,
  describe: Describe,
): unknown {
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version },
    paths: joinPaths(resources, 3),
    components: { schemas: { ...schemasOf(resources, 3, describe), ...custom.schemas(resources, 3) } },
  };
}

function version2(
  resources: readonly Resource[],
  version: string,
  custom: CustomParts,
  describe: Describe,
): unknown {
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version },
    paths: joinPaths(resources, 2),
    definitions: { ...schemasOf(resources, 2, describe), ...custom.schemas(resources, 2) },
  };
}

function joinPaths(resources: readonly Resource[], dialect: Dialect): object {
  return Object.assign({}, ...resources.map((resource) => pathsOf(resource, dialect)));
}

function finish(value: unknown): Document {
  const text = JSON.stringify(value);
  return { text, etag: createHash('sha512').update(text).digest('hex').toUpperCase() };
}
