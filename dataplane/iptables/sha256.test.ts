import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sha256 } from './sha256.ts';

const hex = (words: Uint32Array) => Array.from(words, (word) => word.toString(16).padStart(8, '0')).join('');

test('it is what Node.js computes, for every length up to five blocks, and beyond ASCII', () => {
  for (let length = 0; length <= 320; length++) {
    const text = `${'é'.repeat(length % 3)}${String(length).repeat(length)}`.slice(0, length);
    expect(hex(sha256(text)), text).toBe(createHash('sha256').update(text).digest('hex'));
  }
});
