import type { IncomingMessage, ServerResponse } from 'node:http';
import { createOpenApi, type OpenApi } from '../openapi/openapi.ts';
import { negotiate } from './negotiate.ts';
import { sendJson } from './respond.ts';
import { unknownPath } from './target.ts';

let documents: OpenApi | undefined;

/** `/openapi/v2`, `/openapi/v3` and its parts; made when first asked for. JSON only. */
export function serveOpenApi(path: string, request: IncomingMessage, response: ServerResponse): void {
  documents ??= createOpenApi();
  if (path === '/openapi/v3') {
    sendJson(response, 200, Buffer.from(documents.index()));
    return;
  }
  // Clients ask for version 2 as protobuf only; they can do without it, but not read JSON in its place.
  if (path === '/openapi/v2') negotiate(request.headers.accept);
  const document =
    path === '/openapi/v2' ? documents.v2() : documents.groupVersion(path.slice('/openapi/v3/'.length));
  if (!document) throw unknownPath();
  const etag = `"${document.etag}"`;
  response.setHeader('ETag', etag);
  if (request.headers['if-none-match'] === etag) {
    response.statusCode = 304;
    response.end();
    return;
  }
  sendJson(response, 200, Buffer.from(document.text));
}
