import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formerModes } from './former-modes.ts';

test('tells the other modes that a node has been in', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modes-'));
  try {
    expect(formerModes(join(folder, 'worker'), 'iptables')).toEqual([]);
    expect(formerModes(join(folder, 'worker'), 'iptables')).toEqual([]);
    expect(formerModes(join(folder, 'worker'), 'nftables')).toEqual(['iptables']);
    expect(formerModes(join(folder, 'worker'), 'iptables')).toEqual(['nftables']);
    expect(formerModes(join(folder, 'worker2'), 'none')).toEqual(['iptables', 'ipvs', 'nftables']);
    expect(formerModes(join(folder, 'worker2'), 'iptables')).toEqual(['ipvs', 'nftables']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
