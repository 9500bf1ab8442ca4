import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeProtobuf } from '../protobuf/decode.ts';
import { encodeMessage } from '../protobuf/encode.ts';
import { envelope } from '../protobuf/envelope.ts';
import { messageOf } from '../protobuf/messages.ts';
import { createReader } from '../protobuf/reader.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const maps = '/api/v1/namespaces/default/configmaps';
/** Upstream's metadata client, of which the garbage collector is made. */
const metadataOnly = `${protobuf};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json`;

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
  await send('POST', maps, map('one'));
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

function map(name: string): Buffer {
  const message = messageOf('v1', 'ConfigMap');
  if (!message) throw new Error('ConfigMaps have no protobuf');
  return envelope('v1', 'ConfigMap', encodeMessage(message, { metadata: { name }, data: { a: 'b' } }));
}

async function open(method: string, path: string, body?: Buffer, accept = `${protobuf}, */*`) {
  const headers = { accept, ...(body ? { 'content-type': protobuf } : {}) };
  const outgoing = request({ socketPath: server.socket, method, path, headers });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { response, code: response.statusCode, type: response.headers['content-type'] };
}

/** Asks as client-go of a component does, unless told otherwise. */
async function send(method: string, path: string, body?: Buffer, accept?: string) {
  const { response, code, type } = await open(method, path, body, accept);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { code, type, bytes: Buffer.concat(chunks) };
}

/** The fields of a message that are messages, text or bytes, by number. */
function fieldsOf(bytes: Buffer): Buffer[][] {
  const reader = createReader(bytes);
  const found: Buffer[][] = [];
  for (const { number, wireType } of reader.fields()) {
    if (wireType === 2) found[number] = [...(found[number] ?? []), reader.bytes()];
    else reader.skip(wireType);
  }
  return found;
}

const one = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name: 'one', resourceVersion: expect.stringMatching(/^\d+$/) },
  data: { a: 'b' },
};

describe('a client that asks for protobuf first', () => {
  it('writes and reads objects in it', async () => {
    const created = await send('POST', maps, map('two'));
    expect([created.code, created.type]).toEqual([201, protobuf]);
    const { code, type, bytes } = await send('GET', `${maps}/one`);
    expect([code, type]).toEqual([200, protobuf]);
    expect(decodeProtobuf(bytes)).toMatchObject(one);
  });

  it('gets lists of the same bytes that objects have', async () => {
    const { type, bytes } = await send('GET', `${maps}?fieldSelector=metadata.name%3Done`);
    expect(type).toBe(protobuf);
    const [, [names = Buffer.of()] = [], [raw = Buffer.of()] = []] = fieldsOf(bytes.subarray(4));
    expect(fieldsOf(names).slice(1).map(String)).toEqual(['v1', 'ConfigMapList']);
    const items = fieldsOf(raw)[2] ?? [];
    expect(items.map((item) => decodeProtobuf(envelope('v1', 'ConfigMap', item)))).toMatchObject([one]);
  });

  it('watches in frames behind their length', async () => {
    const { response, type } = await open('GET', `${maps}?watch=1&fieldSelector=metadata.name%3Done`);
    expect(type).toBe(`${protobuf};stream=watch`);
    const [frame] = (await once(response, 'data')) as [Buffer];
    response.destroy();
    expect(frame.readUInt32BE()).toBe(frame.length - 4);
    const [, [event] = [], [object = Buffer.of()] = []] = fieldsOf(frame.subarray(4));
    expect(String(event)).toBe('ADDED');
    expect(decodeProtobuf(fieldsOf(object)[1]?.[0] ?? Buffer.of())).toMatchObject(one);
  });

  it('reads failures and the status of a removal in it too', async () => {
    const { code, type, bytes } = await send('GET', `${maps}/none`);
    expect([code, type]).toEqual([404, protobuf]);
    expect(decodeProtobuf(bytes)).toMatchObject({ kind: 'Status', reason: 'NotFound', code: 404 });
    const removed = await send('DELETE', `${maps}/two`);
    expect(decodeProtobuf(removed.bytes)).toMatchObject({ kind: 'Status', status: 'Success' });
  });

  it('may want no more than the metadata', async () => {
    const { type, bytes } = await send('GET', `${maps}/one`, undefined, metadataOnly);
    expect(type).toBe(protobuf);
    expect(decodeProtobuf(bytes)).toEqual({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: expect.objectContaining({ name: 'one' }),
    });
  });

  it('gets JSON where there is no protobuf, if it takes that, and is refused otherwise', async () => {
    expect((await send('GET', '/version')).type).toBe('application/json');
    const table = ';as=Table;g=meta.k8s.io;v=v1';
    const { type } = await send('GET', maps, undefined, `${protobuf}${table},application/json${table}`);
    expect(type).toBe('application/json');
    const { code, bytes } = await send('GET', maps, undefined, `${protobuf}${table}`);
    expect(code).toBe(406);
    expect(String(bytes)).toContain(
      'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
  });
});
