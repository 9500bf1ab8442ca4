import { expect, test } from 'vitest';
import { failure } from '../testing/failure.ts';
import { applyPatch } from './patch.ts';

const json = 'application/json-patch+json';
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';

test('JSON patch: operations in order, the original untouched', () => {
  const original = { spec: { replicas: 1, list: [1, 2] } };
  const patch = [
    { op: 'test', path: '/spec/replicas', value: 1 },
    { op: 'replace', path: '/spec/replicas', value: 3 },
    { op: 'add', path: '/spec/list/-', value: 3 },
    { op: 'remove', path: '/spec/list/0' },
  ];
  expect(applyPatch('Deployment', json, original, patch)).toEqual({ spec: { replicas: 3, list: [2, 3] } });
  expect(original).toEqual({ spec: { replicas: 1, list: [1, 2] } });
});

test('JSON patch: failures are 422, a body that is no list 400', () => {
  const failed = failure(() => applyPatch('Pod', json, { a: 1 }, [{ op: 'test', path: '/a', value: 2 }]));
  expect(failed.code).toBe(422);
  expect(failed.message).toContain('testing value /a failed: test failed');
  expect(failure(() => applyPatch('Pod', json, {}, [{ op: 'remove', path: '/x/y' }])).code).toBe(422);
  expect(failure(() => applyPatch('Pod', json, {}, { op: 'remove' })).code).toBe(400);
});

/** Upstream: evanphx/json-patch 4.12 `patch_test.go`; all but the last were compared with its release 4.9. */
test.each([
  ['{"a":[1,2,3]}', '[{"op":"add","path":"/a/1","value":9}]', '{"a":[1,9,2,3]}'],
  ['{"a":[1,2,3]}', '[{"op":"add","path":"/a/-","value":9}]', '{"a":[1,2,3,9]}'],
  ['{"a":[1,2,3]}', '[{"op":"remove","path":"/a/-1"}]', '{"a":[1,2]}'],
  ['{"a":[1,2,3]}', '[{"op":"add","path":"/a/-1","value":9}]', '{"a":[1,2,3,9]}'],
  ['{"a":{"b":1}}', '[{"op":"move","from":"/a/b","path":"/c"}]', '{"a":{},"c":1}'],
  ['{"a":{"b":[1]}}', '[{"op":"copy","from":"/a","path":"/a/c"}]', '{"a":{"b":[1],"c":{"b":[1]}}}'],
  ['{"a~b":{"c/d":1}}', '[{"op":"replace","path":"/a~0b/c~1d","value":2}]', '{"a~b":{"c/d":2}}'],
  [
    '{"a":null}',
    '[{"op":"test","path":"/a","value":null},{"op":"test","path":"/b","value":null}]',
    '{"a":null}',
  ],
  ['{"a":{"x":1,"y":2}}', '[{"op":"test","path":"/a","value":{"y":2,"x":1}}]', '{"a":{"x":1,"y":2}}'],
  ['{}', '[{"op":"add","path":"/a"}]', '{"a":null}'],
  ['{"a":1}', '[{"op":"replace","path":"","value":{"b":2}}]', '{"b":2}'],
])('JSON patch of %s: %s', (original, patch, result) => {
  expect(applyPatch('ConfigMap', json, JSON.parse(original), JSON.parse(patch))).toEqual(JSON.parse(result));
});

test.each([
  [
    '{}',
    '[{"op":"add","path":"/a/b","value":1}]',
    'add operation does not apply: doc is missing path: "/a/b": missing value',
  ],
  [
    '{}',
    '[{"op":"remove","path":"/a"}]',
    "error in remove for path: '/a': Unable to remove nonexistent key: a: missing value",
  ],
  [
    '{"a":[1]}',
    '[{"op":"remove","path":"/a/1"}]',
    "error in remove for path: '/a/1': Unable to access invalid index: 1: invalid index referenced",
  ],
  [
    '{}',
    '[{"op":"replace","path":"/a","value":1}]',
    'replace operation does not apply: doc is missing key: /a: missing value',
  ],
  [
    '{"a":{"b":1}}',
    '[{"op":"move","from":"/a","path":"/a/b/c"}]',
    'move operation does not apply: doc is missing destination path: /a/b/c: missing value',
  ],
  ['{"a":1}', '[{"op":"test","path":"/a","value":2}]', 'testing value /a failed: test failed'],
  ['{}', '[{"op":"grow","path":"/a"}]', 'Unexpected kind: grow'],
  ['{}', '[{"op":"add"}]', 'operation missing path field: missing value'],
  ['{}', '[{"op":"toString","path":"/a"}]', 'Unexpected kind: toString'],
])('JSON patch of %s is refused: %s', (original, patch, reason) => {
  const error = failure(() => applyPatch('ConfigMap', json, JSON.parse(original), JSON.parse(patch)));
  expect([error.code, error.message]).toEqual([
    422,
    `the server rejected our request due to an error in our request: ${reason}`,
  ]);
});

test('JSON patch: neither copies upon copies nor prototypes are a way in', () => {
  const copy = { op: 'copy', from: '/a', path: '/a/-' };
  const bomb = failure(() => applyPatch('ConfigMap', json, { a: ['x'.repeat(100)] }, Array(40).fill(copy)));
  expect(bomb.message).toMatch(/accumulated size increase of copy is \d+, exceeding the limit 3145728$/);
  const many = failure(() => applyPatch('ConfigMap', json, {}, Array(10_001).fill({ op: 'test', path: '' })));
  expect([many.code, many.message]).toEqual([
    413,
    'The allowed maximum operations in a JSON patch is 10000, got 10001',
  ]);
  const patch = [{ op: 'add', path: '/__proto__', value: { polluted: true } }];
  expect(JSON.stringify(applyPatch('ConfigMap', json, {}, patch))).toBe('{"__proto__":{"polluted":true}}');
  expect(
    failure(() =>
      applyPatch('ConfigMap', json, {}, [{ op: 'add', path: '/constructor/prototype/x', value: 1 }]),
    ).code,
  ).toBe(422);
  expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
});

/** The table of RFC 7386, appendix A (the rows whose patch is an object). */
test.each([
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
])('merge patch %s with %s', (original, patch, result) => {
  expect(applyPatch('ConfigMap', merge, JSON.parse(original), JSON.parse(patch))).toEqual(JSON.parse(result));
});

test('the content type may carry parameters, others are refused', () => {
  expect(applyPatch('ConfigMap', `${merge}; charset=utf-8`, {}, { a: 1 })).toEqual({ a: 1 });
  const error = failure(() => applyPatch('ConfigMap', 'application/apply-patch+cbor', {}, {}));
  expect(error.code).toBe(415);
  expect(error.message).toBe(
    'the body of the request was in an unknown format - accepted media types include: ' +
      'application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml',
  );
});

test('a field __proto__ is a field like any other', () => {
  const patch: unknown = JSON.parse('{"metadata":{"__proto__":{"name":"x"}}}');
  for (const type of [merge, strategic]) {
    const patched = applyPatch('ConfigMap', type, { metadata: {} }, patch) as { metadata: { name?: string } };
    expect(patched.metadata.name).toBeUndefined();
    expect(JSON.stringify(patched)).toBe('{"metadata":{"__proto__":{"name":"x"}}}');
  }
});

test('strategic merge: containers by name, ports by containerPort, env by name', () => {
  const original = {
    spec: {
      template: {
        spec: {
          containers: [
            { name: 'a', image: 'one', ports: [{ containerPort: 80 }], env: [{ name: 'X', value: '1' }] },
            { name: 'b', image: 'two' },
          ],
        },
      },
    },
  };
  const patch = {
    spec: {
      template: {
        spec: {
          containers: [
            { name: 'a', ports: [{ containerPort: 81 }], env: [{ name: 'X', value: '2' }] },
            { name: 'b', $patch: 'delete' },
          ],
        },
      },
    },
  };
  const result = applyPatch('Deployment', strategic, original, patch);
  expect(result).toEqual({
    spec: {
      template: {
        spec: {
          containers: [
            {
              name: 'a',
              image: 'one',
              ports: [{ containerPort: 81 }, { containerPort: 80 }],
              env: [{ name: 'X', value: '2' }],
            },
          ],
        },
      },
    },
  });
});

test('strategic merge: what kubectl apply sends for a changed Service port', () => {
  const original = {
    spec: { ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }], selector: { app: 'x' } },
  };
  const patch = {
    spec: {
      '$setElementOrder/ports': [{ port: 8080 }],
      ports: [{ port: 8080 }, { $patch: 'delete', port: 80 }],
    },
  };
  expect(applyPatch('Service', strategic, original, patch)).toEqual({
    spec: { ports: [{ port: 8080 }], selector: { app: 'x' } },
  });
});

test('strategic merge: a changed Deployment strategy drops what the old one had', () => {
  const original = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
  const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
  expect(applyPatch('Deployment', strategic, original, patch)).toEqual({
    spec: { strategy: { type: 'Recreate' } },
  });
});

test('strategic merge: tolerations and taints are replaced, finalizers are a set, conditions go by type', () => {
  expect(
    applyPatch('Node', strategic, { spec: { taints: [{ key: 'a' }] } }, { spec: { taints: [{ key: 'b' }] } }),
  ).toEqual({ spec: { taints: [{ key: 'b' }] } });
  expect(
    applyPatch(
      'Pod',
      strategic,
      { metadata: { finalizers: ['a', 'b'] } },
      { metadata: { finalizers: ['c'], '$deleteFromPrimitiveList/finalizers': ['a'] } },
    ),
  ).toEqual({ metadata: { finalizers: ['c', 'b'] } });
  expect(
    applyPatch(
      'Node',
      strategic,
      { status: { conditions: [{ type: 'Ready', status: 'False', reason: 'x' }] } },
      { status: { conditions: [{ type: 'Ready', status: 'True' }] } },
    ),
  ).toEqual({ status: { conditions: [{ type: 'Ready', status: 'True', reason: 'x' }] } });
});

test('strategic merge: a patch that cannot be applied is a bad request', () => {
  const original = { spec: { containers: [{ name: 'a' }] } };
  const nameless = failure(() =>
    applyPatch('Pod', strategic, original, { spec: { containers: [{ image: 'x' }] } }),
  );
  expect(nameless.code).toBe(400);
  expect(nameless.message).toContain('does not contain declared merge key: name');
  const directive = failure(() => applyPatch('Pod', strategic, original, { spec: { $patch: 'destroy' } }));
  expect(directive.message).toBe('unknown patch type: destroy in map: {"$patch":"destroy"}');
});
