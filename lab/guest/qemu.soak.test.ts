import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runInQemu } from './qemu.ts';
import { haveQemu } from './qemu-packages.ts';

const there = await haveQemu();
if (!there)
  process.stderr.write(
    'skipped lab/guest/qemu.soak.test.ts: no QEMU in the cache; npm run guest -- --qemu true\n',
  );

describe.skipIf(!there)('a guest kernel in QEMU', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'v9s-qemu-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('has nf_tables and IPVS, and runs a command as here: folder, environment, files, output, exit code', async () => {
    const script = [
      'pwd; echo "$GREETING"; echo error >&2',
      'nft add table inet t; nft list tables',
      'ipvsadm -A -t 192.0.2.1:80 -s mh; ipvsadm -S -n',
      'head -c 2000000 /dev/zero | tr "\\0" y > "$FOLDER/file"',
      // More than a port of QEMU, or a pipe, takes at once.
      'head -c 300000 /dev/zero | tr "\\0" x; exit 7',
    ].join('\n');
    const { stdout, ...rest } = await runInQemu(['sh', '-c', script], {
      cwd: '/usr/share',
      env: { ...process.env, GREETING: "it's me", FOLDER: folder },
      output: 'capture',
    });
    expect(stdout.slice(-300_000)).toBe('x'.repeat(300_000));
    expect(stdout.slice(0, -300_000).split('\n')).toEqual([
      '/usr/share',
      "it's me",
      'table inet t',
      expect.stringMatching(/^-A -t 192\.0\.2\.1:80 -s mh/),
      '',
    ]);
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('y'.repeat(2_000_000));
    expect(rest).toEqual({ exitCode: 7, stderr: 'error\n' });
    // It starts in ten seconds where nobody else computes.
  }, 240_000);
});
