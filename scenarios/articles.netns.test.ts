import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../kernel/package-root.ts';
import { findCommand } from '../lab/doctor.ts';
import { pathWithout } from './testing/path.ts';

let home = '';

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'v9s-articles-'));
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Plays it to its end; every check held. Resolves to what it printed. */
function play(args: string[], path = process.env.PATH ?? ''): string {
  const command = [join(packageRoot, 'dist/v9s.js'), 'scenario', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    env: { ...process.env, PATH: path, XDG_STATE_HOME: home },
    encoding: 'utf8',
  });
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).not.toContain('✗');
  expect(stdout).toMatch(/\nAll \d+ checks held, in [\d.]+ s\.\n$/);
  return stdout;
}

it('expose: article 002 as one types it, on every node', () => {
  const text = play(['expose']);
  expect(text).toContain('$ kubectl expose deployment service-test --port 8088 --target-port=8080');
  expect(text.match(/<p>Hello from service-test-/g)?.length).toBeGreaterThanOrEqual(3 * 4 + 3 * 4 + 4);
  expect(text).toContain('✓ each pod has answered, and all 100 requests were answered');
});

it('clusterip: the rules of article 002, and counters that move', () => {
  const text = play(['clusterip']);
  expect(text).toContain('KUBE-SVC-LY73ZDGF4KGO4YFJ');
  expect(text).toContain('statistic mode random probability 0.33332999982');
  expect(text).toContain('✓ the rule of the address counted 200 connections');
  expect(text).toContain('✓ KUBE-SEP-WHOFXZ2VQXEUUKVO leads to 10.36.0.1:8080');
});

it('nodeport: the rules of article 004, and a node port that other programs take in vain', () => {
  const text = play(['nodeport']);
  expect(text).toContain("✓ their addresses are the article's: 10.32.0.5:80, 10.32.0.6:80");
  expect(text).toContain('KUBE-SEP-YMZLCE5DPP2AQ75P');
  expect(text).toMatch(/LISTEN .*:30080 .*"kube-proxy",pid=\d+/);
  expect(text).toContain('port 30080: Address already in use');
  expect(text).toContain('✓ the other program was never asked');
});

if (!findCommand('kubectl')) console.log('skipped: without a kubectl there is none to hide');
it.skipIf(!findCommand('kubectl'))('clusterip can be played without kubectl, and on one node', () => {
  const text = play(['clusterip', '--nodes', '1'], pathWithout('kubectl', join(home, 'bin')));
  expect(text).toContain('There is no kubectl on PATH');
  expect(text).toContain('✓ the rule of the address counted 200 connections');
});
