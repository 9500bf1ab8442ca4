import { describe, expect, it } from 'vitest';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from './snapshot.ts';

const snapshot: Snapshot = {
  revision: 42,
  values: [
    { key: '/registry/configmaps/default/a', revision: 7, value: Buffer.from('{"data":{"a":"ä\\n"}}') },
    { key: '/registry/pods/default/b', revision: 41, value: Buffer.from('{"kind":"Pod"}') },
  ],
};
const bytes = Buffer.concat([...encodeSnapshot(snapshot)]);

describe('a snapshot', () => {
  it('is read as it was written', () => {
    expect(decodeSnapshot(bytes, 'file')).toEqual(snapshot);
    expect(
      decodeSnapshot(Buffer.concat([...encodeSnapshot({ revision: 0, values: [] })]), 'file').values,
    ).toEqual([]);
  });

  it('takes values as upstream writes them, and refuses what is no line', () => {
    const [one] = snapshot.values;
    const value = (text: string) => ({
      revision: 1,
      values: [{ key: '/registry/x', revision: 1, value: Buffer.from(text) }],
    });
    expect(one?.value).toBeDefined();
    expect(decodeSnapshot(Buffer.concat([...encodeSnapshot(value('{}\n'))]), 'file')).toEqual(value('{}'));
    expect(() => [...encodeSnapshot(value('{\n}'))]).toThrow(/\/registry\/x is not JSON of one line/);
  });

  it('is refused wherever it is cut off or a byte is changed', () => {
    for (let at = 0; at < bytes.length; at++) {
      expect(() => decodeSnapshot(bytes.subarray(0, at), 'my.snapshot')).toThrow(
        /^my\.snapshot is (no snapshot|cut off)/,
      );
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(() => decodeSnapshot(damaged, 'my.snapshot'), `byte ${at}`).toThrow(
        /^my\.snapshot is (no snapshot|cut off|damaged)/,
      );
    }
    expect(() => decodeSnapshot(Buffer.concat([bytes, bytes]), 'f')).toThrow(
      /something follows its checksum/,
    );
  });
});
