import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApiserver, type TestApiserver } from '../../testing/apiserver.ts';
import { kubeconfigOf, kubectlsUnderTest } from '../../testing/kubectl.ts';

const run = promisify(execFile);

const found = kubectlsUnderTest();

const beta = `
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1beta1
metadata: {name: flannel}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get]}
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1beta1
metadata: {name: flannel}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: flannel}
subjects:
- {kind: ServiceAccount, name: flannel, namespace: kube-system}
`;

const reconciled = `
kind: Role
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: reconciled, namespace: default}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
---
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: reconciled, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reconciled}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: sam}
`;

// What upstream's `test/cmd/rbac.sh` and `authorization.sh` look at.
describe.skipIf(found.length === 0).each(found)('%s', (kubectl) => {
  let server: TestApiserver;
  let folder: string;
  const file = (name: string, text: string) => writeFileSync(join(folder, name), text);

  const user = async (name: string, groups: string[]) => file(name, await kubeconfigOf(server, name, groups));

  beforeAll(async () => {
    server = await startTestApiserver();
    folder = mkdtempSync(join(tmpdir(), 'v9s-kubectl-rbac-'));
    await Promise.all([user('admin', ['system:masters']), user('jane', ['devs'])]);
    file('beta.yaml', beta);
    file('reconciled.yaml', reconciled);
    file('wider.yaml', reconciled.replace('[get, list]', '[get, watch]').replace('name: sam', 'name: max'));
  });

  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** Output of one command line, both streams, as `who`. */
  async function k(line: string, who = 'admin'): Promise<string> {
    const env = { PATH: process.env.PATH, HOME: folder, KUBECONFIG: join(folder, who) };
    const { stdout, stderr } = await run(kubectl, line.split(' '), { env, cwd: folder }).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    return (stdout + stderr).trim();
  }

  it('creates roles and bindings, and shows them', { timeout: 60_000 }, async () => {
    expect(
      await k('create role pod-reader --verb=get,list,watch --resource=pods,deployments.apps/scale'),
    ).toBe('role.rbac.authorization.k8s.io/pod-reader created');
    expect(await k('create clusterrole logs --verb=get --non-resource-url=/logs/*,/healthz/*')).toBe(
      'clusterrole.rbac.authorization.k8s.io/logs created',
    );
    expect(await k('create clusterrole one-pod --verb=get --resource=pods --resource-name=one')).toContain(
      'created',
    );
    expect(
      await k(
        'create rolebinding readers --role=pod-reader --user=jane --group=testers --serviceaccount=ns:sa',
      ),
    ).toBe('rolebinding.rbac.authorization.k8s.io/readers created');
    expect(await k('create clusterrolebinding loggers --clusterrole=logs --group=devs')).toContain('created');
    expect(await k('get rolebinding readers -o wide')).toMatch(
      /^NAME +ROLE +AGE +USERS +GROUPS +SERVICEACCOUNTS\nreaders +Role\/pod-reader +\S+ +jane +testers +ns\/sa$/,
    );
    expect(await k('get clusterrole one-pod')).toMatch(/^NAME +CREATED AT\none-pod +\d{4}-\d\d-\d\dT/);
    expect(await k('describe clusterrole one-pod')).toMatch(/pods +\[\] +\[one\] +\[get\]/);
    expect(await k('describe clusterrole cluster-admin')).toMatch(/\*\.\* +\[\] +\[\] +\[\*\]/);
    expect(await k('set subject rolebinding readers --user=kim')).toContain('subjects updated');
    expect(await k('get rolebinding readers -o jsonpath={.subjects[*].name}')).toBe('jane testers sa kim');
  });

  it('takes manifests of v1beta1', { timeout: 60_000 }, async () => {
    const answer = await k('apply -f beta.yaml');
    expect(answer).toContain('clusterrole.rbac.authorization.k8s.io/flannel created');
    expect(answer).toContain('clusterrolebinding.rbac.authorization.k8s.io/flannel created');
    expect(await k('apply -f beta.yaml')).toContain(
      'clusterrole.rbac.authorization.k8s.io/flannel unchanged',
    );
    expect(await k('get clusterroles.v1.rbac.authorization.k8s.io flannel -o name')).toBe(
      'clusterrole.rbac.authorization.k8s.io/flannel',
    );
    expect(await k('auth can-i get pods -n x --as=system:serviceaccount:kube-system:flannel')).toBe('yes');
    expect(await k('delete -f beta.yaml')).toContain('"flannel" deleted');
  });

  it('reconciles', { timeout: 60_000 }, async () => {
    expect(await k('auth reconcile -f reconciled.yaml')).toContain('reconciliation required create');
    expect(await k('auth reconcile -f wider.yaml')).toMatch(
      /missing rules added:[\s\S]*watch[\s\S]*missing subjects added:[\s\S]*max/,
    );
    const verbs = await k('get role reconciled -o jsonpath={.rules[*].verbs[*]}');
    expect(verbs.split(' ').sort()).toEqual(['get', 'list', 'watch']);
    expect(await k('get rolebinding reconciled -o jsonpath={.subjects[*].name}')).toBe('sam max');
  });

  it('tells who one is and what one may', { timeout: 60_000 }, async () => {
    // kubectl has the command since 1.26.
    expect(await k('auth whoami', 'jane')).toMatch(
      /Username +jane\nGroups +\[devs system:authenticated\]|^error: unknown command "whoami"/,
    );
    expect(await k('auth can-i get pods', 'jane')).toBe('yes');
    expect(await k('auth can-i get pods -n kube-system', 'jane')).toBe('no');
    expect(await k('auth can-i get /logs/x', 'jane')).toBe('yes');
    expect(await k('auth can-i get deployments --subresource=scale', 'jane')).toBe('yes');
    expect(await k('auth can-i --list', 'jane')).toMatch(/pods +\[\] +\[\] +\[get list watch\]/);
    expect(await k('get pods', 'jane')).toBe('No resources found in default namespace.');
    expect(await k('get nodes', 'jane')).toBe(
      'Error from server (Forbidden): nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    );
    expect(await k('delete pod x', 'jane')).toBe(
      'Error from server (Forbidden): pods "x" is forbidden: User "jane" cannot delete resource "pods" in API group "" in the namespace "default"',
    );
    expect(await k('get pods --as=kim --as-group=devs', 'jane')).toContain(
      'users "kim" is forbidden: User "jane" cannot impersonate resource "users"',
    );
    expect(await k('get nodes --as=jane')).toContain('User "jane" cannot list resource "nodes"');
    expect(await k('auth can-i * * -A')).toBe('yes');
  });
});
