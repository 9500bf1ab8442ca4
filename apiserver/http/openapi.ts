import type { IncomingMessage, ServerResponse } from 'node:http';
import { createOpenApi, type OpenApi } from '../openapi/openapi.ts';
import { negotiate } from './negotiate.ts';
import { sendJson } from './respond.ts';
import { unknownPath } from './target.ts';

let documents: OpenApi | undefined;

const protobuf = 'application/com.github.proto-openapi.spec.v2';

/** `/openapi/v2` (JSON, protobuf), `/openapi/v3` and its parts (JSON); made when first asked for. */
export function serveOpenApi(path: string, request: IncomingMessage, response: ServerResponse): void {
  documents ??= createOpenApi();
  if (path === '/openapi/v3') {
    sendJson(response, 200, Buffer.from(documents.index()));
    return;
  }
  if (path === '/openapi/v2') {
    // kubectl 1.27 asks for protobuf, with an @ or a dot before the version, and cannot do without.
    if (request.headers.accept?.includes(protobuf)) {
      response.setHeader('Content-Type', `${protobuf}.v1.0+protobuf`);
      response.end(documents.v2Protobuf().bytes);
      return;
    }
    negotiate(request.headers.accept);
  }
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
