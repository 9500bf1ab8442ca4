import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostPath } from './host-path.ts';

let own: string;
beforeEach(() => {
  own = mkdtempSync(join(tmpdir(), 'v9s-host-'));
});
afterEach(() => rmSync(own, { recursive: true, force: true }));

describe('hostPath', () => {
  it("is the machine's, read-only, where that has something", () => {
    expect(hostPath({ hostDir: own }, '/usr/bin', 'Directory')).toEqual({
      source: '/usr/bin',
      readOnly: true,
      noDevices: true,
    });
    expect(() => hostPath({ hostDir: own }, '/usr/bin', 'File')).toThrow(
      'hostPath type check failed: /usr/bin is not a file',
    );
  });

  it("is the node's where it has none, and below /run and /tmp", () => {
    for (const path of ['/nonexistent/of-a-node', '/run/flannel', '/var/run/x', '/tmp']) {
      const wanted = { source: join(own, path), readOnly: false, base: own };
      expect(hostPath({ hostDir: own }, path, 'DirectoryOrCreate')).toEqual(wanted);
      expect(hostPath({ hostDir: own }, path, 'Directory')).toEqual(wanted);
    }
    expect(hostPath({ hostDir: own }, '/run/xtables.lock', 'FileOrCreate').source).toBe(
      join(own, 'run/xtables.lock'),
    );
    expect(existsSync(join(own, 'run/xtables.lock'))).toBe(true);
    expect(() => hostPath({ hostDir: own }, '/run/nothing', 'Socket')).toThrow(
      'hostPath type check failed: /run/nothing is not a socket file',
    );
  });

  it("shows nothing of the lab's own", () => {
    const files = { hostDir: own, hidden: ['/usr/share'] };
    expect(hostPath(files, '/usr').hidden).toEqual(['share']);
    expect(hostPath(files, '/').hidden).toEqual(['proc', 'run', 'tmp', 'usr/share']);
    for (const path of ['/usr/share/doc', '/usr/bin/../share', '/proc', '/proc/1'])
      expect(() => hostPath(files, path)).toThrow('belongs to the lab itself; no pod sees it');
  });

  it('does not leave the folder of the node', () => {
    mkdirSync(join(own, 'run'));
    symlinkSync('/usr', join(own, 'run/link'));
    expect(hostPath({ hostDir: own }, '/run/link/bin').source).toBe(join(own, 'usr/bin'));
    expect(hostPath({ hostDir: own }, '/run/../../../nonexistent').source.startsWith(own)).toBe(true);
  });
});
