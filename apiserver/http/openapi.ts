import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Resource } from '../../api/scheme.ts';
import type { CustomKinds } from '../apiextensions/kinds.ts';
import { customSchemas } from '../openapi/custom.ts';
import { type Describe, loadDescriptions } from '../openapi/descriptions.ts';
import { createOpenApi, type Document, type OpenApi } from '../openapi/openapi.ts';
import type { Dialect } from '../openapi/schemas.ts';
import { negotiate } from './negotiate.ts';
import { sendJson } from './respond.ts';
import { unknownPath } from './target.ts';
import { version } from './version.ts';

/** As of the custom kinds that are served; another list of them, another document. */
let documents: { of: readonly Resource[]; openApi: OpenApi } | undefined;
let descriptions: Promise<Describe> | undefined;
const builtIn = new Map<string, Document>();

/** kubectl up to 1.27 asks for version 2 in this form alone; clients write its version with a dot or an `@`. */
const protobuf = /application\/com\.github\.proto-openapi\.spec\.v2[.@]v1\.0\+protobuf/;

/** `/openapi/v2`, `/openapi/v3` and its parts; made when first asked for. */
export async function serveOpenApi(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  customKinds: Pick<CustomKinds, 'served' | 'schemaOf'>,
): Promise<void> {
  descriptions ??= loadDescriptions();
  const documents = openApiOf(customKinds, await descriptions);
  const accept = request.headers.accept ?? '';
  if (path === '/openapi/v2' && protobuf.test(accept)) {
    const { bytes, etag } = documents.v2Protobuf();
    response.setHeader('Content-Type', 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    sendTagged(request, response, etag, bytes);
    return;
  }
  negotiate(accept);
  if (path === '/openapi/v3') {
    sendJson(response, 200, Buffer.from(documents.index()));
    return;
  }
  const document =
    path === '/openapi/v2' ? documents.v2() : documents.groupVersion(path.slice('/openapi/v3/'.length));
  if (!document) throw unknownPath();
  sendTagged(request, response, document.etag, Buffer.from(document.text));
}

function openApiOf(
  { served, schemaOf }: Pick<CustomKinds, 'served' | 'schemaOf'>,
  describe: Describe,
): OpenApi {
  const resources = served();
  if (documents?.of !== resources) {
    const schemas = (rows: readonly Resource[], dialect: Dialect) => customSchemas(rows, schemaOf, dialect);
    documents = {
      of: resources,
      openApi: createOpenApi(version.gitVersion, { resources, schemas }, builtIn, describe),
    };
  }
  return documents.openApi;
}

/** Clients keep these large documents, and ask again with the tag of what they have. */
function sendTagged(
  request: IncomingMessage,
  response: ServerResponse,
  etag: string,
  body: Uint8Array,
): void {
  response.setHeader('ETag', `"${etag}"`);
  response.setHeader('Vary', 'Accept');
  if (request.headers['if-none-match'] === `"${etag}"`) {
    response.statusCode = 304;
    response.end();
    return;
  }
  sendJson(response, 200, Buffer.from(body));
}
