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
