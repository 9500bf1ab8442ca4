import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { statusError } from '../../api/status.ts';
import { decodeSnapshot, encodeSnapshot, restoreInto, takeSnapshot } from '../storage/snapshot.ts';
import type { Storage } from '../storage/storage.ts';
import { methodNotAllowed } from './objects.ts';
import { sendJson } from './respond.ts';

/** What `/snapshot` serves. */
export interface SnapshotAccess {
  storage: Storage;
  /** Whether nothing of the storage is held in memory only, so that it may change beneath a running server. */
  restorable: boolean;
}

const largest = 2 ** 31;

/**
 * `GET /snapshot`: all that is stored, for who may read every path. `PUT` brings the storage to what a snapshot
 * says, where that can be done while it is in use. Not upstream's: there, etcd is asked itself.
 */
export async function serveSnapshot(
  request: IncomingMessage,
  response: ServerResponse,
  { storage, restorable }: SnapshotAccess,
): Promise<void> {
  if (request.method === 'GET') {
    const snapshot = await takeSnapshot(storage);
    response.setHeader('Content-Type', 'application/octet-stream');
    await pipeline(Readable.from(encodeSnapshot(snapshot)), response);
    return;
  }
  if (request.method !== 'PUT') throw methodNotAllowed();
  if (!restorable)
    throw statusError(
      'Conflict',
      'a database of one apiserver is restored while that does not run: end the cluster first',
    );
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largest) throw statusError('RequestEntityTooLarge', `limit is ${largest}`, {});
    chunks.push(chunk);
  }
  let snapshot: ReturnType<typeof decodeSnapshot>;
  try {
    snapshot = decodeSnapshot(Buffer.concat(chunks), 'the body');
  } catch (error) {
    throw statusError('BadRequest', error instanceof Error ? error.message : String(error));
  }
  sendJson(response, 200, await restoreInto(storage, snapshot));
}
