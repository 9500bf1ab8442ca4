import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { apiVersionOf } from '../../api/scheme.ts';
import { servedResources } from '../registry/kinds/rows.ts';
import { encodeAnswer } from './answers.ts';
import { decodeProtobuf } from './decode.ts';

/** What Kubernetes 1.33 itself makes of an object with every field set: see `pack-fixtures.ts`. */
const fixtures = JSON.parse(
  brotliDecompressSync(readFileSync(new URL('fixtures.json.br', import.meta.url))).toString(),
) as { object: { apiVersion: string; kind: string }; protobuf: string }[];

const cases = fixtures.map(({ object, protobuf }) => ({
  name: `${object.apiVersion} ${object.kind}`,
  object,
  bytes: Buffer.from(protobuf, 'latin1'),
}));

test.each(cases)('$name is written as Kubernetes writes it, byte for byte', ({ object, bytes }) => {
  expect(encodeAnswer(object)?.equals(bytes)).toBe(true);
});

test.each(cases)('$name of Kubernetes is read as its JSON', ({ object, bytes }) => {
  expect(decodeProtobuf(bytes)).toEqual(object);
});

test('are there for every kind that is served, but for those of other modules', () => {
  const names = new Set(cases.map(({ name }) => name));
  const missing = servedResources
    .map(({ served }) => ({ group: served.group, name: `${apiVersionOf(served)} ${served.kind}` }))
    .filter(({ name }) => !names.has(name));
  const modules = ['apiextensions.k8s.io', 'apiregistration.k8s.io'];
  expect(missing.filter(({ group }) => !modules.includes(group))).toEqual([]);
});
