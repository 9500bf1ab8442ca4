import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issuerOf } from '../api/x509/authority.ts';
import { findCommand } from '../lab/doctor.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './handle.ts';
import { applyManifest } from './manifest.ts';
import { waitFor } from './wait.ts';

const found = findCommand('kubectl');
if (!found) console.log('skipped: no kubectl on PATH (Debian: kubernetes-client)');

let cluster: Cluster;
const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
const authority = createAuthority({ name: { commonName: 'webhooks', organizations: [] }, ...validity });
const pair = issuerOf(authority)({
  name: { commonName: 'hooks', organizations: [] },
  names: { dns: ['hooks.default.svc'], ips: [] },
  usages: ['server auth'],
  ...validity,
});
const base64 = (text: string) => Buffer.from(text).toString('base64');
const caBundle = base64(authority.cert);

/** As upstream's e2e tests run it: `test/e2e/apimachinery/webhook.go`. */
const program = `
apiVersion: v1
kind: Secret
metadata: { name: hooks }
data: { tls.crt: ${base64(pair.cert)}, tls.key: ${base64(pair.key)} }
---
apiVersion: v1
kind: Service
metadata: { name: hooks }
spec: { selector: { app: hooks }, ports: [{ name: https, port: 8443, targetPort: 8444 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: hooks }
spec:
  selector: { matchLabels: { app: hooks } }
  template:
    metadata: { labels: { app: hooks } }
    spec:
      terminationGracePeriodSeconds: 0
      volumes: [{ name: certs, secret: { secretName: hooks } }]
      containers:
      - name: hooks
        image: registry.k8s.io/e2e-test-images/agnhost:2.53
        args: [webhook, --tls-cert-file=/certs/tls.crt, --tls-private-key-file=/certs/tls.key, --port=8444]
        readinessProbe: { httpGet: { scheme: HTTPS, port: 8444, path: /readyz }, periodSeconds: 1 }
        volumeMounts: [{ name: certs, mountPath: /certs, readOnly: true }]
`;

const hook = (name: string, path: string) => `
- name: ${name}.k8s.io
  admissionReviewVersions: [v1, v1beta1]
  sideEffects: None
  clientConfig: { caBundle: ${caBundle}, service: { name: hooks, namespace: default, path: ${path}, port: 8443 } }
  rules: [{ operations: [CREATE, UPDATE], apiGroups: [""], apiVersions: [v1], resources: [configmaps] }]
  namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: default } }
`;

const configurations = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: { name: mutate }
webhooks:${hook('adding-configmap-data-stage-1', '/mutating-configmaps')}${hook('adding-configmap-data-stage-2', '/mutating-configmaps')}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: { name: validate }
webhooks:${hook('deny-unwanted-configmap-data', '/configmaps')}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: short-names }
spec:
  matchConstraints:
    resourceRules: [{ operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [configmaps] }]
  validations: [{ expression: 'object.metadata.name.size() < 10', message: a name has nine letters at most }]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: short-names }
spec: { policyName: short-names, validationActions: [Deny] }
`;

function kubectl(...args: string[]): { code: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('kubectl', args, {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    encoding: 'utf8',
  });
  return { code: status, text: stdout + stderr };
}

describe.skipIf(!found)('a cluster with webhooks and policies', () => {
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 1, clusterDns: 'none' });
    await applyManifest(cluster.client, program);
    await waitFor(cluster.client, 'deployment/hooks', 'Available');
    await applyManifest(cluster.client, configurations);
  });
  afterAll(() => cluster?.stop());

  it('has kubectl told what they say, and store what they make', () => {
    expect(kubectl('create', 'configmap', 'mutated', '--from-literal=mutation-start=yes')).toMatchObject({
      code: 0,
    });
    const { text } = kubectl('get', 'configmap', 'mutated', '-o', 'jsonpath={.data}');
    expect(JSON.parse(text)).toEqual({
      'mutation-start': 'yes',
      'mutation-stage-1': 'yes',
      'mutation-stage-2': 'yes',
    });
    const refused = kubectl(
      'create',
      'configmap',
      'unwanted',
      '--from-literal=webhook-e2e-test=webhook-disallow',
    );
    expect(refused.code).toBe(1);
    expect(refused.text).toContain(
      'admission webhook "deny-unwanted-configmap-data.k8s.io" denied the request: the configmap contains unwanted key and value',
    );
    expect(kubectl('create', 'configmap', 'a-long-name').text).toContain(
      "ValidatingAdmissionPolicy 'short-names' with binding 'short-names' denied request: a name has nine letters at most",
    );
    expect(kubectl('create', 'configmap', 'fits', '--dry-run=server').code).toBe(0);
  });

  it('fails closed when the webhook is gone, and open where it may', () => {
    kubectl('scale', 'deployment', 'hooks', '--replicas=0');
    kubectl('wait', '--for=delete', 'pod', '-l', 'app=hooks', '--timeout=20s');
    expect(kubectl('create', 'configmap', 'closed').text).toMatch(
      /failed calling webhook "adding-configmap-data-stage-1.k8s.io": failed to call webhook: Post "https:\/\/hooks.default.svc:8443\/mutating-configmaps\?timeout=10s": no endpoints available for service "hooks"/,
    );
    const ignore = (index: number) => ({
      op: 'add',
      path: `/webhooks/${index}/failurePolicy`,
      value: 'Ignore',
    });
    kubectl(
      'patch',
      'mutatingwebhookconfiguration',
      'mutate',
      '--type=json',
      '-p',
      JSON.stringify([ignore(0), ignore(1)]),
    );
    kubectl(
      'patch',
      'validatingwebhookconfiguration',
      'validate',
      '--type=json',
      '-p',
      JSON.stringify([ignore(0)]),
    );
    expect(kubectl('create', 'configmap', 'open')).toMatchObject({ code: 0 });
  });
});
