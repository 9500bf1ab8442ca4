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

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        description: CronTab runs something now and then.
        properties:
          spec:
            type: object
            description: What is wanted.
            properties:
              cronSpec: {type: string, description: When to run.}
              image: {type: string}
              replicas: {type: integer, minimum: 1, maximum: 10}
          status:
            type: object
            properties:
              replicas: {type: integer}
              labelSelector: {type: string}
    subresources:
      status: {}
      scale:
        specReplicasPath: .spec.replicas
        statusReplicasPath: .status.replicas
        labelSelectorPath: .status.labelSelector
    additionalPrinterColumns:
    - {name: Spec, type: string, description: When it runs, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
`;

const object = `
apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: nightly}
spec: {cronSpec: "0 3 * * *", image: busybox, replicas: 2}
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
    file('crd.yaml', definition);
    file('cr.yaml', object);
    file('wrong.yaml', object.replace('replicas: 2', 'replicas: 20'));
  });

  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** Output of one command line, both streams; a failure gives its message. */
  async function k(line: string): Promise<string> {
    const env = { PATH: process.env.PATH, HOME: folder, KUBECONFIG: join(folder, 'config') };
    try {
      const { stdout, stderr } = await run(kubectl, line.split(' '), { env, cwd: folder });
      return (stdout + stderr).trim();
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      return (stdout + stderr).trim();
    }
  }

  it('defines a kind and works with its objects', { timeout: 60_000 }, async () => {
    expect(await k('create -f crd.yaml')).toBe(
      'customresourcedefinition.apiextensions.k8s.io/crontabs.stable.example.com created',
    );
    expect(await k('wait --for=condition=established crd/crontabs.stable.example.com')).toContain(
      'condition met',
    );
    expect(await k('apply -f cr.yaml')).toBe('crontab.stable.example.com/nightly created');
    expect(await k('apply -f cr.yaml')).toBe('crontab.stable.example.com/nightly unchanged');
    expect(await k('get ct')).toMatch(/^NAME +SPEC +REPLICAS +AGE\nnightly +0 3 \* \* \* +2 +\d+s$/);
    expect(await k('get all')).toContain('crontab.stable.example.com/nightly');
    expect(await k('api-resources --api-group=stable.example.com')).toMatch(
      /crontabs +ct +stable.example.com\/v1 +true +CronTab/,
    );
    expect(await k('scale ct nightly --replicas=5')).toBe('crontab.stable.example.com/nightly scaled');
    expect(await k('get ct nightly -o jsonpath={.spec.replicas}/{.metadata.generation}')).toBe('5/2');
    expect(await k('patch ct nightly --type=merge -p {"spec":{"image":"nginx"}}')).toContain('patched');
    expect(await k('label ct nightly tier=night')).toContain('labeled');
    expect(await k('describe ct nightly')).toMatch(/Image: +nginx/);
    expect(await k('explain ct.spec.cronSpec')).toContain('When to run.');
    expect(await k('apply -f wrong.yaml')).toContain(
      'spec.replicas: Invalid value: 20: spec.replicas in body should be less than or equal to 10',
    );
    expect(await k('delete -f crd.yaml')).toContain('deleted');
    // As far as kubectl still has in its cache what there was.
    expect(await k('get ct')).toMatch(/doesn't have a resource type|could not find the requested resource/);
  });

  it('creates a definition and an object of it from one command', { timeout: 60_000 }, async () => {
    const group = (text: string) => text.replaceAll('stable.example.com', 'other.example.com');
    file('both.yaml', group(`${definition}---\n${object}`));
    const first = await k('create -f both.yaml');
    if (!first.includes('nightly created'))
      expect(await k('apply -f both.yaml')).toContain('nightly created');
    expect(await k('get crontabs.other.example.com -o name')).toBe('crontab.other.example.com/nightly');
    expect(await k('delete -f both.yaml')).toContain('"nightly" deleted');
  });
});
