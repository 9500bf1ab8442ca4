import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { kubeconfigOf, kubectlsUnderTest } from '../testing/kubectl.ts';

const run = promisify(execFile);

const found = kubectlsUnderTest();

const deployment = (replicas: number, image = 'a') => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: ${image}, ports: [{containerPort: 80}], resources: {}}
`;

describe.skipIf(found.length === 0).each(found)('%s', (kubectl) => {
  let server: TestApiserver;
  let folder: string;

  beforeAll(async () => {
    server = await startTestApiserver();
    folder = mkdtempSync(join(tmpdir(), 'v9s-apply-'));
    writeFileSync(join(folder, 'config'), await kubeconfigOf(server));
  });
  afterAll(async () => {
    expect(server.failures).toEqual([]);
    rmSync(folder, { recursive: true });
    await server.stop();
  });

  async function k(...args: string[]): Promise<{ code: number; output: string }> {
    const env = { ...process.env, KUBECONFIG: join(folder, 'config'), HOME: folder };
    try {
      const { stdout, stderr } = await run(kubectl, args, { env });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }

  const apply = (text: string, ...args: string[]) => {
    const path = join(folder, 'manifest.yaml');
    writeFileSync(path, text);
    return k('apply', '-f', path, ...args);
  };

  it('applies on the server, again and with conflicts', async () => {
    const applied = { code: 0, output: 'deployment.apps/web serverside-applied\n' };
    expect(await apply(deployment(1), '--server-side')).toEqual(applied);
    const before = (await k('get', 'deployment', 'web', '-o', 'yaml')).output;
    expect(await apply(deployment(1), '--server-side')).toEqual(applied);
    expect((await k('get', 'deployment', 'web', '-o', 'yaml')).output).toBe(before);
    await k('scale', 'deployment', 'web', '--replicas=4');
    const refused = await apply(deployment(2), '--server-side');
    expect(refused.code).not.toBe(0);
    expect(refused.output).toMatch(
      /Apply failed with 1 conflict: conflict with "kubectl[^"]*".*: \.spec\.replicas/,
    );
    const forced = await apply(deployment(2), '--server-side', '--force-conflicts');
    expect(forced).toEqual(applied);
    expect((await k('get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}')).output).toBe('2');
  });

  it('shows what an apply would change', async () => {
    const path = join(folder, 'diff.yaml');
    writeFileSync(path, deployment(2, 'b'));
    const { code, output } = await k('diff', '--server-side', '-f', path);
    expect(code).toBe(1);
    expect(output).toMatch(/-\s+- image: a\n\+\s+- image: b/);
    const dry = await apply(deployment(2, 'b'), '--server-side', '--dry-run=server');
    expect(dry.output).toBe('deployment.apps/web serverside-applied (server dry run)\n');
    const jsonpath = 'jsonpath={.spec.template.spec.containers[0].image}';
    expect((await k('get', 'deployment', 'web', '-o', jsonpath)).output).toBe('a');
  });

  it('shows managed fields on request', async () => {
    const { output } = await k('get', 'deployment', 'web', '-o', 'json', '--show-managed-fields');
    // kubectl before 1.21 does not know the flag: it always shows them.
    const shown = output.includes('unknown flag')
      ? (await k('get', 'deployment', 'web', '-o', 'json')).output
      : output;
    expect(shown).toContain('"k:{\\"name\\":\\"c\\"}"');
  });

  it('goes over from client-side apply, and back', async () => {
    const text = (value: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: moved}\ndata: {a: "${value}", b: "1"}\n`;
    expect((await apply(text('1'))).output).toBe('configmap/moved created\n');
    expect((await apply(text('2'), '--server-side')).output).toBe('configmap/moved serverside-applied\n');
    const less = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: moved}\ndata: {a: "3"}\n';
    expect((await apply(less, '--server-side')).output).toBe('configmap/moved serverside-applied\n');
    expect((await k('get', 'configmap', 'moved', '-o', 'jsonpath={.data.a}')).output).toBe('3');
    expect((await apply(text('4'))).output).toBe('configmap/moved configured\n');
    expect((await k('get', 'configmap', 'moved', '-o', 'jsonpath={.data}')).output).toContain('"a":"4"');
  });

  const maps = (names: readonly string[], label = 'batch=a') =>
    names
      .map((name) => {
        const [key, value] = label.split('=');
        return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {${key}: ${value}}}\ndata: {a: "1"}\n`;
      })
      .join('---\n');

  it('prunes what is no longer applied', async () => {
    // kubectl before 1.26 calls the list otherwise.
    const known = (await k('apply', '--help')).output.includes('--prune-allowlist');
    const list = known ? '--prune-allowlist' : '--prune-whitelist';
    const prune = ['--prune', '-l', 'batch=a', list, 'core/v1/ConfigMap'];
    expect((await apply(maps(['kept', 'gone']))).code).toBe(0);
    expect((await apply(maps(['other'], 'batch=b'))).code).toBe(0);
    const { code, output } = await apply(maps(['kept']), ...prune);
    expect([code, output]).toEqual([0, expect.stringContaining('configmap/gone pruned')]);
    const left = (await k('get', 'configmaps', '-o', 'name', '-l', 'batch')).output;
    expect(left).toBe('configmap/kept\nconfigmap/other\n');
  });

  it('applies under another name, which is refused what the first owns', async () => {
    const text = (value: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: named}\ndata: {a: "${value}"}\n`;
    expect((await apply(text('1'), '--server-side', '--field-manager=ann')).code).toBe(0);
    const { code, output } = await apply(text('2'), '--server-side', '--field-manager=bob');
    expect(code).toBe(1);
    expect(output).toContain('Apply failed with 1 conflict: conflict with "ann": .data.a');
    expect(output).toContain('--force-conflicts');
    const jsonpath = 'jsonpath={.metadata.managedFields[*].manager}';
    expect((await k('get', 'configmap', 'named', '-o', jsonpath)).output).toBe('ann');
    const forced = await apply(text('2'), '--server-side', '--field-manager=bob', '--force-conflicts');
    expect(forced.output).toBe('configmap/named serverside-applied\n');
    expect((await k('get', 'configmap', 'named', '-o', jsonpath)).output).toBe('bob');
  });

  it('makes fields of an apply on the client’s side the server’s', async () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: upgraded}\ndata: {a: "1"}\n';
    await apply(text);
    expect((await apply(text, '--server-side')).output).toBe('configmap/upgraded serverside-applied\n');
    const jsonpath = 'jsonpath={.metadata.managedFields[*].manager}';
    const managers = (await k('get', 'configmap', 'upgraded', '-o', jsonpath)).output;
    // From 1.26 on kubectl hands over what it updated, and keeps the annotation by a name of its own.
    const release = (await k('version', '--client')).output.match(/v1\.(\d+)/)?.[1] ?? '0';
    const upgraded =
      Number(release) >= 26 ? 'kubectl kubectl-last-applied' : 'kubectl kubectl-client-side-apply';
    expect(managers).toBe(upgraded);
  });

  it('edits, replaces and patches in all types beside what is applied', async () => {
    await apply(deployment(1), '--server-side', '--force-conflicts');
    const patches = [
      ['--type=json', '-p', '[{"op":"replace","path":"/spec/replicas","value":2}]'],
      ['--type=merge', '-p', '{"spec":{"replicas":3}}'],
      ['--type=strategic', '-p', '{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"z"}]}}}}'],
    ];
    for (const patch of patches) {
      expect((await k('patch', 'deployment', 'web', ...patch)).output).toBe('deployment.apps/web patched\n');
    }
    const refused = await apply(deployment(1), '--server-side');
    expect(refused.output).toMatch(/Apply failed with 2 conflicts: conflicts with "kubectl-patch"/);
    expect(refused.output).toContain('- .spec.replicas');
    expect(refused.output).toContain('- .spec.template.spec.containers[name="c"].image');
  });
});
