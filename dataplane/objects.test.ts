import { expect, test } from 'vitest';
import { parseObjects } from './objects.ts';

const names = async (text: string) =>
  (await parseObjects(text)).map((one) => `${one.kind} ${one.metadata?.name}`);

test('documents of a YAML stream, empty ones skipped', async () => {
  expect(
    await names(
      '---\n# nothing\n---\nkind: Service\nmetadata: {name: a}\n---\nkind: EndpointSlice\nmetadata: {name: b}\n...\n',
    ),
  ).toEqual(['Service a', 'EndpointSlice b']);
});

test('a JSON object, a List, and a List whose items carry no kind', async () => {
  expect(await names('{"kind":"Service","metadata":{"name":"a"}}')).toEqual(['Service a']);
  expect(await names('{"kind":"List","items":[{"kind":"Node","metadata":{"name":"n"}}]}')).toEqual([
    'Node n',
  ]);
  expect(
    await names('kind: ServiceList\napiVersion: v1\nitems: [{metadata: {name: a}}, {metadata: {name: b}}]'),
  ).toEqual(['Service a', 'Service b']);
});

test('several JSON documents', async () => {
  expect(
    await names('{"kind":"Node","metadata":{"name":"n"}}\n---\n{"kind":"Service","metadata":{"name":"s"}}'),
  ).toEqual(['Node n', 'Service s']);
});

test('an empty text holds no objects', async () => {
  expect(await parseObjects('')).toEqual([]);
});

test.each([
  ['kind: Service\n---\nkind: [', /^document 2, line 3, column \d+: /],
  ['kind: Service\n---\nfoo: bar\n', /^document 2, line 3: Object 'Kind' is missing$/],
  ['just a text', /^document 1, line 1: "just a text" is not a Kubernetes object$/],
  ['kind: List\nitems: {}', /^document 1, line 1: items of the List is not a list$/],
])('%j is refused, saying where', async (text, message) => {
  await expect(parseObjects(text)).rejects.toThrow(message);
});
