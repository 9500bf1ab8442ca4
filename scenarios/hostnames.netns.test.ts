import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../kernel/package-root.ts';
import { findCommand } from '../lab/doctor.ts';
import { pathWithout } from './testing/path.ts';

let home = '';

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'v9s-scenario-'));
});

afterAll(() => {
  // Where a test failed half-way, its kept cluster is still there.
  v9s(['down', '--name', 'hostnames', '--delete']);
  rmSync(home, { recursive: true, force: true });
});

function v9s(args: string[], path = process.env.PATH ?? '') {
  const result = spawnSync(process.execPath, [join(packageRoot, 'dist/v9s.js'), ...args], {
    env: { ...process.env, PATH: path, XDG_STATE_HOME: home },
    encoding: 'utf8',
  });
  return { code: result.status, text: result.stdout + result.stderr };
}

if (!findCommand('kubectl'))
  console.log('skipped: without a kubectl there is none to hide from the scenario');

describe('v9s scenario hostnames', () => {
  it('ends well, and says what differs from the articles', () => {
    const { code, text } = v9s(['scenario', 'hostnames']);
    expect(code, text).toBe(0);
    expect(text).not.toContain('✗');
    expect(text).toMatch(/\nAll \d+ checks held, in [\d.]+ s\.\n/);
    expect(text).toContain('KUBE-SVC-ODX2UBAZM7RQWOIU');
    expect(text).toContain('10.244.1.5:9376,10.244.1.6:9376,10.244.1.7:9376');
    expect(text).not.toContain('\u001b');
  });

  it.skipIf(!findCommand('kubectl'))(
    "prints the API's own tables where there is no kubectl, and says so",
    () => {
      const { code, text } = v9s(['scenario', 'hostnames'], pathWithout('kubectl', join(home, 'bin')));
      expect(code, text).toBe(0);
      expect(text).toContain('There is no kubectl on PATH');
      expect(text).toMatch(/NAME +ENDPOINTS +AGE\n +hostnames +10\.244\.1\.5:9376/);
    },
  );

  it('leaves the cluster up with --keep, under a name of its own', () => {
    const kept = v9s(['scenario', 'hostnames', '--keep', '--nodes', '1']);
    expect(kept.code, kept.text).toBe(0);
    const kubeconfig = /export KUBECONFIG=(\S+)/.exec(kept.text)?.[1];
    expect(kubeconfig).toBe(join(home, 'vethernetes/hostnames/kubeconfig'));
    expect(v9s(['list']).text).toMatch(/hostnames +Running +1 +https:\/\/127\.0\.0\.1:\d+/);
    expect(v9s(['exec', '--name', 'hostnames', 'control-plane', '--', 'hostname']).text).toBe(
      'control-plane\n',
    );
    expect(v9s(['down', '--name', 'hostnames', '--delete']).code).toBe(0);
    expect(v9s(['list']).text).toContain('No clusters');
  });

  it('names the scenarios there are', () => {
    expect(v9s(['scenario']).text).toContain('hostnames');
    expect(v9s(['scenario', 'nosuch'])).toMatchObject({
      code: 2,
      text: expect.stringContaining('no scenario "nosuch"'),
    });
  });
});
