import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../api/types.ts';
import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/handle.ts';
import { packageRoot } from '../kernel/package-root.ts';
import { findCommand } from '../lab/doctor.ts';

/** The kubectl on PATH, and the releases that some distributions put beside it (`kubectl.1.27` …). */
function kubectls(): string[] {
  const found = findCommand('kubectl');
  if (!found) return [];
  const folder = dirname(realpathSync(found));
  const beside = ['1.27', '1.30', '1.33']
    .map((release) => join(folder, `kubectl.${release}`))
    .filter(existsSync);
  return beside.length > 0 ? beside : [found];
}

const releases = kubectls();
if (releases.length === 0) console.log('skipped: there is no kubectl on PATH (Debian: kubernetes-client)');

const file = (name: string) => join(packageRoot, 'scenarios/hostnames', name);

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ name: 'kubectl', nodes: 2 });
});

afterAll(() => cluster?.stop());

describe.skipIf(releases.length === 0).each(releases)('%s', (kubectl) => {
  /** Each release in a namespace of its own, so that one's failure is not the next one's. */
  const namespace = basename(kubectl).replaceAll('.', '-');

  beforeAll(async () => {
    await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
  });

  /** Standard output and error together, as a person sees them; rejects nothing. */
  function run(line: string, input?: string): { code: number | null; text: string } {
    const result = spawnSync(kubectl, ['-n', namespace, ...line.split(' ')], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
      encoding: 'utf8',
      ...(input === undefined ? {} : { input }),
    });
    return { code: result.status, text: result.stdout + result.stderr };
  }

  function good(line: string, input?: string): string {
    const { code, text } = run(line, input);
    expect(code, `${line}\n${text}`).toBe(0);
    return text;
  }

  it("plays the articles' commands", async () => {
    expect(good(`create -f ${file('service.yaml')}`)).toBe('service/hostnames created\n');
    expect(good(`apply -f ${file('deployment.yaml')}`)).toBe('deployment.apps/hostnames created\n');
    expect(good(`apply -f ${file('deployment.yaml')}`)).toBe('deployment.apps/hostnames unchanged\n');
    expect(good('rollout status deployment/hostnames --timeout=30s')).toContain(
      'deployment "hostnames" successfully rolled out',
    );

    const pods = good('get pods -o wide -l app=hostnames').split('\n');
    expect(pods[0]).toMatch(
      /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES$/,
    );
    expect(pods.slice(1, 4)).toEqual(
      Array(3).fill(
        expect.stringMatching(
          /^hostnames-\w+-\w{5} +1\/1 +Running +0 +\d+s +10\.244\.[01]\.\d+ +(control-plane|worker) +<none> +<none>$/,
        ),
      ),
    );
    expect(good('get endpoints hostnames')).toMatch(
      /NAME +ENDPOINTS +AGE\nhostnames +(10\.244\.[01]\.\d+:9376,?){3} +\d+s\n/,
    );
    expect(good('get svc hostnames')).toMatch(
      /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nhostnames +ClusterIP +10\.\d+\.\d+\.\d+ +<none> +80\/TCP +\d+s\n$/,
    );
    const described = good('describe svc hostnames');
    expect(described).toMatch(new RegExp(`^Name: +hostnames\nNamespace: +${namespace}\n`));
    expect(described).toMatch(/\nType: +ClusterIP\n/);
    expect(described).toMatch(/\nTargetPort: +9376\/TCP\nEndpoints: +10\.244\./);

    expect(good('expose deployment hostnames --name exposed --port 8088 --target-port=9376')).toBe(
      'service/exposed exposed\n',
    );
    expect(good('get service exposed -o wide')).toMatch(
      /exposed +ClusterIP +\S+ +<none> +8088\/TCP +\d+s +app=hostnames/,
    );

    expect(good('scale deployment hostnames --replicas=2')).toBe('deployment.apps/hostnames scaled\n');
    const scaled = ([seen]: Deployment[]) => seen?.status?.replicas === 2;
    await cluster.waitFor('deployment/hostnames', scaled, { namespace });
    expect(good('get deployment hostnames')).toMatch(/hostnames +2\/2 +2 +2 +\d+s/);
    expect(good('label service exposed tier=front')).toBe('service/exposed labeled\n');
    expect(good('get svc -l tier=front -o name')).toBe('service/exposed\n');
    expect(good('get endpoints exposed -o jsonpath={.subsets[0].ports[0].port}')).toContain('9376');
  });

  it('follows changes with get -w', async () => {
    const watching = spawn(kubectl, ['-n', namespace, 'get', 'pods', '-w', '-o', 'wide'], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let seen = '';
    watching.stdout.on('data', (chunk) => {
      seen += String(chunk);
    });
    try {
      await expect.poll(() => seen, { timeout: 10_000 }).toContain('Running');
      good('scale deployment hostnames --replicas=3');
      await expect
        .poll(() => seen, { timeout: 20_000 })
        .toMatch(/Pending[\s\S]*ContainerCreating[\s\S]*1\/1 +Running +0 +\d+s +10\.244/);
    } finally {
      watching.kill();
    }
  });

  it("edits with an editor, and refuses in Kubernetes' words", () => {
    const editor = { KUBE_EDITOR: "sed -i 's/port: 80$/port: 81/'" };
    const edited = spawnSync(kubectl, ['-n', namespace, 'edit', 'service', 'hostnames'], {
      env: { ...process.env, ...editor, KUBECONFIG: cluster.kubeconfig },
      encoding: 'utf8',
    });
    expect(edited.stdout + edited.stderr).toContain('service/hostnames edited');

    const service = (spec: string) => `apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: ${spec}\n`;
    for (const [manifest, message] of [
      [
        service('{ports: [{port: 0}]}'),
        'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      ],
      [service('{ports: [{port: 80}], clusterIP: 192.0.2.1}'), 'spec.clusterIPs: Invalid value'],
      [service('{ports: [{port: 80}], clusterIP: 10.96.0.1}'), 'provided IP is already allocated'],
      [service('{ports: [{port: 80}], selectr: {a: b}}'), 'unknown field "spec.selectr"'],
      [service('{ports: [{port: "eighty"}]}'), 'cannot unmarshal string into Go struct field'],
      ['apiVersion: v1\nkind: Service\n  metadata: x', 'error converting YAML to JSON'],
      [
        'apiVersion: v1\nkind: Servise\nmetadata: {name: x}\n',
        'no matches for kind "Servise" in version "v1"',
      ],
    ] as const) {
      const { code, text } = run('create -f -', manifest);
      expect(code, manifest).not.toBe(0);
      expect(text).toContain(message);
    }
    const warned = run('create -f - --validate=warn', service('{ports: [{port: 80}], selectr: {a: b}}'));
    expect(warned.text).toContain('Warning: unknown field "spec.selectr"');
    expect(warned.code).toBe(0);
  });

  it('deletes what it made', async () => {
    expect(good('delete service hostnames exposed bad').split('\n')[0]).toContain(
      'service "hostnames" deleted',
    );
    expect(
      good('delete -f - --grace-period=0 --force', readFileSync(file('deployment.yaml'), 'utf8')),
    ).toContain('deployment.apps "hostnames" force deleted');
    expect(good('delete pods -l app=hostnames --grace-period=0 --force --ignore-not-found')).not.toContain(
      'error',
    );
    await cluster.waitFor('pods', (pods) => pods.length === 0, {
      labelSelector: 'app=hostnames',
      timeout: 45_000,
    });
  });
});
