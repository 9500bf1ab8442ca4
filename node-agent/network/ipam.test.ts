import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCidr } from '../../api/address.ts';
import { gatewayOf, nextAddress, openIpam, RangeExhaustedError } from './ipam.ts';

describe('nextAddress', () => {
  const range = parseCidr('10.244.1.0/29');

  it('starts after the gateway and goes on after the last one given', () => {
    expect(nextAddress(range, new Set(), undefined)).toBe('10.244.1.2');
    expect(nextAddress(range, new Set(), '10.244.1.2')).toBe('10.244.1.3');
  });

  it('goes round and skips what is taken', () => {
    const taken = new Set(['10.244.1.2', '10.244.1.6']);
    expect(nextAddress(range, taken, '10.244.1.5')).toBe('10.244.1.3');
  });

  it('never gives the network, the gateway or the broadcast address', () => {
    const taken = new Set<string>();
    for (
      let address = nextAddress(range, taken, undefined);
      address;
      address = nextAddress(range, taken, address)
    )
      taken.add(address);
    expect([...taken]).toEqual(['10.244.1.2', '10.244.1.3', '10.244.1.4', '10.244.1.5', '10.244.1.6']);
  });

  it('knows IPv6', () => {
    expect(nextAddress(parseCidr('fd00:10:244:1::/64'), new Set(), undefined)).toBe('fd00:10:244:1::2');
    expect(gatewayOf('fd00:10:244:1::/64')).toBe('fd00:10:244:1::1');
  });
});

describe('openIpam', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ipam-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('gives an owner the same address again, also after a restart', () => {
    const first = openIpam(folder, ['10.244.1.0/24', 'fd00::/64']);
    expect(first.allocate('a')).toEqual(['10.244.1.2', 'fd00::2']);
    expect(first.allocate('b')).toEqual(['10.244.1.3', 'fd00::3']);
    const second = openIpam(folder, ['10.244.1.0/24', 'fd00::/64']);
    expect(second.allocate('a')).toEqual(['10.244.1.2', 'fd00::2']);
    expect(second.owners()).toEqual(new Set(['a', 'b']));
  });

  it('does not give a released address to the next one', () => {
    const ipam = openIpam(folder, ['10.244.1.0/24']);
    ipam.allocate('a');
    ipam.release('a');
    expect(openIpam(folder, ['10.244.1.0/24']).allocate('b')).toEqual(['10.244.1.3']);
  });

  it('says which range is used up', () => {
    const ipam = openIpam(folder, ['10.244.1.0/30']);
    ipam.allocate('a');
    expect(() => ipam.allocate('b')).toThrow(new RangeExhaustedError(parseCidr('10.244.1.0/30'), 0).message);
    expect(() => ipam.allocate('b')).toThrow('10.244.1.1-10.244.1.2');
  });
});

describe('after an interruption', () => {
  const cidrs = ['10.244.1.0/29', 'fd00:1::/64'];
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ipam-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('half of an allocation is completed, and never given to another', () => {
    writeFileSync(join(folder, '10.244.1.2'), 'a');
    const ipam = openIpam(folder, cidrs);
    expect(ipam.allocate('b')).toEqual(['10.244.1.3', 'fd00:1::2']);
    expect(ipam.allocate('a')).toEqual(['10.244.1.2', 'fd00:1::3']);
  });

  it('a file that was made and not written is free; what is no address is left alone', () => {
    for (const [name, text] of [
      ['10.244.1.2', ''],
      ['last_reserved_ip.0', ''],
      ['lock', ''],
      ['10.244.1.3', 'other\r\neth0'],
    ] as const)
      writeFileSync(join(folder, name), text);
    const ipam = openIpam(folder, cidrs);
    expect(ipam.owners()).toEqual(new Set(['other']));
    expect(ipam.allocate('a')[0]).toBe('10.244.1.2');
  });

  it('what another process has taken meanwhile is not taken from it', () => {
    const ipam = openIpam(folder, cidrs);
    writeFileSync(join(folder, '10.244.1.2'), 'other');
    expect(() => ipam.allocate('a')).toThrow('EEXIST');
    expect(readFileSync(join(folder, '10.244.1.2'), 'utf8')).toBe('other');
    expect(ipam.owners()).toEqual(new Set());
  });

  it('nobody ever has the address of another, whatever comes and goes and breaks off', () => {
    const holders = new Map<string, string>();
    let ipam = openIpam(folder, cidrs);
    let random = 1;
    const next = (most: number) => {
      random = (random * 48_271) % 2_147_483_647;
      return random % most;
    };
    for (let round = 0; round < 400; round++) {
      const owner = `pod-${next(8)}`;
      if (next(10) === 0) ipam = openIpam(folder, cidrs);
      if (next(2) === 0) {
        ipam.release(owner);
        for (const [address, by] of [...holders]) if (by === owner) holders.delete(address);
        continue;
      }
      try {
        for (const address of ipam.allocate(owner)) {
          expect(holders.get(address) ?? owner).toBe(owner);
          holders.set(address, owner);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(RangeExhaustedError);
        // Five addresses are for pods.
        expect(new Set(holders.values()).size).toBe(5);
      }
    }
  });
});
