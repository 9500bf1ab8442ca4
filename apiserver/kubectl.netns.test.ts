import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApiserver, type TestApiserver } from './testing/apiserver.ts';
import { kubeconfigOf, kubectlsUnderTest } from './testing/kubectl.ts';

const run = promisify(execFile);

const found = kubectlsUnderTest();

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hostnames}
spec:
  replicas: 3
  selector: {matchLabels: {app: hostnames}}
  template:
    metadata: {labels: {app: hostnames}}
    spec:
      containers:
      - {name: hostnames, image: registry.k8s.io/serve_hostname, ports: [{containerPort: 9376}]}
`;

const mistaken = `
apiVersion: v1
kind: Service
metadata: {name: mistaken}
spec: {selectr: {app: x}, ports: [{port: 0}]}
`;

describe.skipIf(found.length === 0).each(found)('%s', (kubectl) => {
  let server: TestApiserver;
  let folder: string;
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  beforeAll(async () => {
    server = await startTestApiserver();
    folder = mkdtempSync(join(tmpdir(), 'v9s-kubectl-'));
    file('config', await kubeconfigOf(server));
    file('deployment.yaml', deployment);
    file('mistaken.yaml', mistaken);
  });

  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** Output of one command line, both streams; a failure gives its message. */
  async function k(line: string, environment: Record<string, string> = {}): Promise<string> {
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      KUBECONFIG: join(folder, 'config'),
      ...environment,
    };
    try {
      const { stdout, stderr } = await run(kubectl, line.split(' '), { env, cwd: folder });
      return (stdout + stderr).trim();
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      return (stdout + stderr).trim();
    }
  }

  it('applies, changes and deletes a Deployment', { timeout: 60_000 }, async () => {
    expect(await k('apply -f deployment.yaml')).toBe('deployment.apps/hostnames created');
    expect(await k('apply -f deployment.yaml')).toBe('deployment.apps/hostnames unchanged');
    expect(await k('get deploy -o wide')).toMatch(
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nhostnames +0\/3 /,
    );
    expect(await k('scale deploy hostnames --replicas=5')).toBe('deployment.apps/hostnames scaled');
    expect(await k('label deploy hostnames tier=web')).toBe('deployment.apps/hostnames labeled');
    expect(await k('get deploy -l tier=web -o jsonpath={.items[*].spec.replicas}')).toBe('5');
    const editor = { EDITOR: "sed -i 's/replicas: 5/replicas: 4/'" };
    expect(await k('edit deploy hostnames', editor)).toBe('deployment.apps/hostnames edited');
    expect(await k('set image deploy/hostnames hostnames=nginx')).toBe(
      'deployment.apps/hostnames image updated',
    );
    expect(await k('describe deploy hostnames')).toMatch(/Replicas: +4 desired[\s\S]*Image: +nginx/);
    expect(await k('apply -f deployment.yaml')).toBe('deployment.apps/hostnames configured');
    expect(await k('get deploy hostnames -o jsonpath={.spec.replicas}/{.metadata.generation}')).toMatch(
      /^3\/\d$/,
    );
    expect(await k('delete -f deployment.yaml')).toBe('deployment.apps "hostnames" deleted');
    expect(await k('get deploy hostnames')).toBe(
      'Error from server (NotFound): deployments.apps "hostnames" not found',
    );
  });

  it('exposes and describes a Service', { timeout: 60_000 }, async () => {
    await k('apply -f deployment.yaml');
    expect(await k('expose deploy hostnames --name=web --port=80 --target-port=9376')).toBe(
      'service/web exposed',
    );
    expect(await k('get svc web')).toMatch(/web +ClusterIP +10\.\d+\.\d+\.\d+ +<none> +80\/TCP /);
    expect(await k('describe svc web')).toMatch(/Selector: +app=hostnames\n[\s\S]*TargetPort: +9376\/TCP/);
    expect(await k('delete svc/web deploy/hostnames')).toContain('service "web" deleted');
  });

  it('creates by subcommand', { timeout: 60_000 }, async () => {
    expect(await k('create configmap settings --from-literal=a=b')).toBe('configmap/settings created');
    expect(await k('get cm settings -o jsonpath={.data.a}')).toBe('b');
    expect(await k('create secret generic hidden --from-literal=a=b')).toBe('secret/hidden created');
    expect(await k('get secret hidden -o jsonpath={.data.a}')).toBe('Yg==');
    expect(await k('create namespace extra')).toBe('namespace/extra created');
    expect(await k('create deployment zero --image=nginx --replicas=0')).toBe('deployment.apps/zero created');
    expect(await k('get deploy zero -o jsonpath={.spec.replicas}')).toBe('0');
    expect(await k('create serviceaccount robot')).toBe('serviceaccount/robot created');
    expect(await k('create token robot')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(await k('auth can-i create pods')).toBe('yes');
    expect(await k('run web --image=nginx')).toBe('pod/web created');
    expect(await k('get pods')).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\nweb +0\/1 +Pending +0 /);
    expect(await k('delete pod web')).toContain('pod "web" deleted');
  });

  it('knows the kinds and their fields, and says what is wrong with an object', {
    timeout: 60_000,
  }, async () => {
    expect(await k('api-resources')).toMatch(/deployments +deploy +apps\/v1 +true +Deployment/);
    expect(await k('explain service.spec.clusterIP')).toMatch(/FIELD: +clusterIP <string>/);
    expect(await k('create -f mistaken.yaml')).toContain(
      'strict decoding error: unknown field "spec.selectr"',
    );
    const invalid = await k('create --validate=warn -f mistaken.yaml');
    expect(invalid).toContain('Warning: unknown field "spec.selectr"');
    expect(invalid).toContain('spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive');
  });
});
