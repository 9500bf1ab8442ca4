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
});
