import { describe, expect, it } from 'vitest';
import { apiVersionOf } from '../../api/scheme.ts';
import { servedResources } from '../registry/kinds/rows.ts';
import { decodeProtobuf } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { envelope } from './envelope.ts';
import { type Field, type Message, messageOf } from './messages.ts';
import { sent } from './testing.ts';

function encode(object: Record<string, unknown>): Buffer {
  const apiVersion = String(object.apiVersion);
  const kind = String(object.kind);
  const message = messageOf(apiVersion, kind);
  if (!message) throw new Error(`${apiVersion} ${kind} has no protobuf`);
  return envelope(apiVersion, kind, encodeMessage(message, object));
}

describe('what Go wrote', () => {
  it.each(Object.entries(sent))('kubectl %s is written again byte for byte', (_, base64) => {
    const bytes = Buffer.from(base64, 'base64');
    expect(encode(decodeProtobuf(bytes)).equals(bytes)).toBe(true);
  });

  it('is written in order of keys, with nested maps and times', () => {
    const node = {
      kind: 'Node',
      apiVersion: 'v1',
      metadata: { creationTimestamp: '2024-05-06T07:08:09Z', labels: { b: '2', a: '', ä: '3' } },
      spec: {},
      status: {
        capacity: { cpu: '2', memory: '1Gi' },
        daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
        nodeInfo: {},
      },
    };
    const bytes = encode(node);
    expect(bytes.indexOf('\x0a\x01a\x12\x00')).toBeLessThan(bytes.indexOf('\x0a\x01b'));
    expect(decodeProtobuf(bytes)).toMatchObject(node);
  });
});

/** An object with every field filled, but for schemas within schemas. */
function filled(message: Message, seed: number, depth = 0): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const field of message.fields.values()) {
    if (field.message === message) continue;
    const value = valueFor(field, seed + field.number, depth);
    if (field.shape === 'inline') Object.assign(object, value);
    else if (field.shape === 'list') object[field.name] = depth > 3 ? [value] : [value, value];
    else if (field.shape === 'map') object[field.name] = { b: value, __proto: value, 'a.b/c': value };
    else object[field.name] = value;
  }
  return object;
}

function valueFor({ type, message }: Field, seed: number, depth: number): unknown {
  if (message) return filled(message, seed, depth + 1);
  const values: Record<string, readonly unknown[]> = {
    int: [1, 127, 128, 16_384, 2_147_483_647, -1, Number.MAX_SAFE_INTEGER],
    bool: [true],
    double: [0.5, -1e300],
    string: ['a', 'ünïcödé 💡', 'x'.repeat(300)],
    bytes: ['AAECAw==', 'cQ=='],
    quantity: ['100m', '1Gi'],
    intOrString: [80, 'http', -1, '50%'],
    strings: [['a', 'b'], ['']],
    time: ['2024-05-06T07:08:09Z', '1969-12-31T23:59:59Z'],
    microTime: ['2024-05-06T07:08:09.000123Z', '2024-05-06T07:08:09.100000Z'],
    raw: [{ a: [1, null, { b: 'c' }] }, 'text', 1],
    schemaOrArray: [{ type: 'string' }, [{ type: 'string' }, { type: 'integer' }]],
    schemaOrBool: [{ type: 'string' }, false, true],
    schemaOrStrings: [{ type: 'string' }, ['a', 'b']],
  };
  const known = values[type];
  if (!known) throw new Error(`no value for ${type}`);
  return known[seed % known.length];
}

describe('every kind that is served', () => {
  const kinds = servedResources.map(({ served }) => [apiVersionOf(served), served.kind] as const);

  it.each(kinds)('%s %s is the same after a way to protobuf and back', (apiVersion, kind) => {
    const message = messageOf(apiVersion, kind);
    expect(message, `${apiVersion} ${kind} is not in fields.json`).toBeDefined();
    for (const seed of [0, 1]) {
      const object = { kind, apiVersion, ...(message && filled(message, seed)) };
      const bytes = encode(object);
      const back = decodeProtobuf(bytes);
      expect(back).toEqual(object);
      expect(encode(back).equals(bytes)).toBe(true);
    }
  });

  it.each(kinds)('%s %s may be empty', (apiVersion, kind) => {
    const bytes = encode({ kind, apiVersion });
    expect(encode(decodeProtobuf(bytes)).equals(bytes)).toBe(true);
  });
});

describe('kinds of others', () => {
  it('have no protobuf', () => {
    expect(messageOf('example.com/v1', 'Widget')).toBeUndefined();
    expect(messageOf('apps.example.com/v1', 'Deployment')).toBeUndefined();
    expect(messageOf('v2', 'Pod')).toBeUndefined();
    expect(messageOf('v1', '__proto__')).toBeUndefined();
  });

  it('a version with other fields is not taken for v1', () => {
    const slice = { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1beta1' };
    const endpoints = [{ addresses: ['10.0.0.1'], conditions: {}, zone: 'a', topology: { zone: 'a' } }];
    const metadata = { creationTimestamp: null };
    const bytes = encode({ ...slice, metadata, addressType: 'IPv4', endpoints, ports: [] });
    expect(decodeProtobuf(bytes)).toMatchObject({
      endpoints: [{ addresses: ['10.0.0.1'], conditions: {}, topology: { zone: 'a' } }],
    });
  });
});
