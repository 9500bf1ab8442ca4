import { describe, expect, it } from 'vitest';
import { duplicateFields } from './duplicates.ts';

describe('duplicateFields', () => {
  it.each<[string, string[]]>([
    ['{}', []],
    ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}', []],
    ['{"a":1,"a":2}', ['a']],
    ['{"spec":{"replicas":1,"x":{},"replicas":2}}', ['spec.replicas']],
    ['{"spec":{"ports":[{"port":1},{"port":1,"port":2}]}}', ['spec.ports[1].port']],
    ['{"a":[[1,2],[{"b":1,"b":[1,2]}]]}', ['a[1][0].b']],
    ['{"a":"}{[],:\\"a\\":","b":{"c":"\\\\"},"b":1}', ['b']],
    ['{"\\u0061":1,"a":2}', ['a']],
    ['{"a":1,"a":2,"a":3}', ['a', 'a']],
    ['{"a":{},"a":{"b":1,"b":2}}', ['a', 'a.b']],
    ['[{"a":1,"a":1}]', ['[0].a']],
    ['"a"', []],
  ])('%s', (json, expected) => {
    expect(() => JSON.parse(json)).not.toThrow();
    expect(duplicateFields(json)).toEqual(expected);
  });
});
