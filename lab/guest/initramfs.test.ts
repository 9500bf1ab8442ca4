import { expect, test } from 'vitest';
import { archive } from './initramfs.ts';

/** Reads the format by its description: 110 bytes of header, then name and content, each filled up to four bytes. */
function unpack(bytes: Buffer): { name: string; mode: number; content: string }[] {
  const entries = [];
  for (let at = 0; at < bytes.length; ) {
    const field = (index: number) =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    expect(bytes.toString('latin1', at, at + 6)).toBe('070701');
    const [mode, size, length] = [field(1), field(6), field(11)];
    const name = bytes.toString('utf8', at + 110, at + 109 + length);
    const start = Math.ceil((at + 110 + length) / 4) * 4;
    entries.push({ name, mode, content: bytes.toString('utf8', start, start + size) });
    at = Math.ceil((start + size) / 4) * 4;
  }
  return entries;
}

test('an archive holds folders, files with their modes, and the trailer', () => {
  const bytes = archive([
    { name: 'bin' },
    { name: 'bin/tool', content: Buffer.from('#!/bin/sh\n'), mode: 0o755 },
    { name: 'odd', content: Buffer.from('x'), mode: 0o644 },
  ]);
  expect(bytes.length % 4).toBe(0);
  expect(unpack(bytes)).toEqual([
    { name: 'bin', mode: 0o040755, content: '' },
    { name: 'bin/tool', mode: 0o100755, content: '#!/bin/sh\n' },
    { name: 'odd', mode: 0o100644, content: 'x' },
    { name: 'TRAILER!!!', mode: 0o100000, content: '' },
  ]);
});
