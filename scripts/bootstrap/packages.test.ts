import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const url = new URL('packages.mjs', import.meta.url).href;

describe('npm packages', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vethernetes-packages-'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'x', version: '1.0.0' }));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const lock = (packages: object) =>
    JSON.stringify({ name: 'x', version: '1.0.0', lockfileVersion: 3, packages: { '': {}, ...packages } });

  /** Runs ensurePackages with an npm that only says that it was called. */
  function ensure(): string {
    const npm = join(folder, 'npm-cli.js');
    writeFileSync(
      npm,
      "console.log('npm error called with', process.argv.slice(2).join(' ')); process.exit(1);",
    );
    const script = `
      const { ensurePackages } = await import(${JSON.stringify(url)});
      await ensurePackages(${JSON.stringify(folder)}).catch((error) => console.error(error.message));`;
    const env = { ...process.env, npm_execpath: npm, npm_node_execpath: process.execPath };
    return spawnSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' })
      .stderr;
  }

  function project(wanted: object, installed: object) {
    writeFileSync(join(folder, 'package-lock.json'), lock(wanted));
    mkdirSync(join(folder, 'node_modules'), { recursive: true });
    writeFileSync(join(folder, 'node_modules/.package-lock.json'), lock(installed));
  }

  const a = { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' } };

  it('are left alone when they are what the lock file says', () => {
    project(a, a);
    expect(ensure()).toBe('');
    expect(ensure()).toBe('');
  });

  it('may lack those for other platforms', () => {
    project({ ...a, 'node_modules/b': { version: '1.0.0', optional: true } }, a);
    expect(ensure()).toBe('');
  });

  it('are installed when one is missing', () => {
    project({ ...a, 'node_modules/b': { version: '1.0.0' } }, a);
    expect(ensure()).toContain('called with ci');
  });

  it('are installed anew when the lock file has moved on', () => {
    project(a, a);
    expect(ensure()).toBe('');
    project({ 'node_modules/a': { version: '1.0.1', integrity: 'sha512-b' } }, a);
    expect(ensure()).toContain('called with ci');
  });

  it('are installed when an installation was cut short', () => {
    project(a, a);
    rmSync(join(folder, 'node_modules/.package-lock.json'));
    expect(ensure()).toContain('called with ci');
  });
});
