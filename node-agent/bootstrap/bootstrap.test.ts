import { X509Certificate } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../api/client.ts';
import { loadKubeconfig } from '../../api/kubeconfig.ts';
import { resources } from '../../api/scheme.ts';
import type { CertificateSigningRequest, SelfSubjectReview } from '../../api/types.ts';
import { createCertificateAuthority } from '../../cluster/pki.ts';
import { startTrustedControlPlane, type TrustedControlPlane } from '../testing/trust.ts';
import { type BootstrapOptions, bootstrapNode } from './bootstrap.ts';

let plane: TrustedControlPlane;
beforeAll(async () => {
  plane = await startTrustedControlPlane();
});
afterAll(async () => {
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

const options = (nodeName: string, token: string): BootstrapOptions => ({
  server: plane.server,
  ca: plane.ca,
  token,
  nodeName,
  dir: join(plane.folder, nodeName),
});

test('a token becomes the credentials of a node, which are kept', async () => {
  const wanted = options('first', await plane.token());
  const { kubeconfig, certificate, config } = await bootstrapNode(wanted);

  const client = createClient(config);
  const review = await client.request<SelfSubjectReview>(
    'POST',
    '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    {},
  );
  client.close();
  expect(review.status?.userInfo).toEqual({
    username: 'system:node:first',
    groups: ['system:nodes', 'system:authenticated'],
  });
  expect(kubeconfig).toBe(join(wanted.dir, 'kubelet.conf'));
  expect(certificate).toBe(join(wanted.dir, 'pki/kubelet-client-current.pem'));
  expect(lstatSync(certificate).isSymbolicLink()).toBe(true);
  expect(readdirSync(join(wanted.dir, 'pki'))).toHaveLength(2);
  const loaded = loadKubeconfig(kubeconfig);
  expect(loaded).toMatchObject({ server: plane.server, ca: plane.ca });
  expect(new X509Certificate(loaded.cert ?? '').subject).toBe('O=system:nodes\nCN=system:node:first');

  const [request] = (await plane.client.list(resources.certificatesigningrequests)).items;
  expect(request).toMatchObject({
    metadata: { name: expect.stringMatching(/^node-csr-[\w-]{43}$/) },
    spec: {
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      username: expect.stringMatching(/^system:bootstrap:/),
    },
    status: { conditions: [{ type: 'Approved', reason: 'AutoApproved' }] },
  });
  // Again: nothing is asked, the token does not even have to be good.
  const again = await bootstrapNode({ ...wanted, token: 'aaaaaa.aaaaaaaaaaaaaaaa' });
  expect(again.config).toEqual(config);
});

test('a token that is unknown or has expired says so', async () => {
  await expect(bootstrapNode(options('second', 'abcdef.0123456789abcdef'))).rejects.toThrow(
    `${plane.server} does not take the bootstrap token abcdef.…: it is unknown, has expired`,
  );
  const expired = await plane.token(-1_000);
  await expect(bootstrapNode(options('second', expired))).rejects.toThrow('v9s token create makes one');
});

test('another CA than the one of the server says so', async () => {
  const { cert: ca } = createCertificateAuthority();
  await expect(bootstrapNode({ ...options('third', await plane.token()), ca })).rejects.toThrow(
    `the certificate of ${plane.server} was not signed by the CA that was given`,
  );
});

test('a server that is not there says so', async () => {
  const server = 'https://127.0.0.1:1';
  await expect(bootstrapNode({ ...options('third', await plane.token()), server })).rejects.toThrow(
    `${server} cannot be reached (ECONNREFUSED)`,
  );
});

test('waits for approval, and goes on after an interruption with the same request', async () => {
  // Without the group of nodes' tokens, nobody approves by itself.
  const token = await plane.token();
  const name = `bootstrap-token-${token.slice(0, 6)}`;
  const groups = Buffer.from('system:bootstrappers:other').toString('base64');
  const secret = { name, namespace: 'kube-system' };
  await plane.client.patch(resources.secrets, secret, 'merge', { data: { 'auth-extra-groups': groups } });
  await plane.client.create(resources.clusterrolebindings, {
    metadata: { name: 'others-may-ask' },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: 'system:node-bootstrapper',
    },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:bootstrappers:other' }],
  });

  const interrupted = new AbortController();
  const asked: string[] = [];
  const waiting = {
    ...options('fourth', token),
    onPending: (request: string) => {
      asked.push(request);
      interrupted.abort();
    },
  };
  await expect(bootstrapNode({ ...waiting, signal: interrupted.signal })).rejects.toThrow('aborted');
  expect(existsSync(join(waiting.dir, 'kubelet.conf'))).toBe(false);

  const approve = async (request: string) => {
    asked.push(request);
    await decide(request, 'Approved');
  };
  const { certificate } = await bootstrapNode({ ...waiting, onPending: (request) => void approve(request) });
  expect(asked[1]).toBe(asked[0]);
  expect(readFileSync(certificate, 'utf8')).toContain('BEGIN EC PRIVATE KEY');

  const denied = {
    ...options('fifth', token),
    onPending: (request: string) => void decide(request, 'Denied'),
  };
  await expect(bootstrapNode(denied)).rejects.toThrow('is denied, reason: Test, message: decided');
  await expect(bootstrapNode({ ...options('sixth', token), timeout: 50 })).rejects.toThrow(
    /was not signed within 0 s; .*kubectl certificate approve node-csr-/,
  );
});

test('a certificate file that was cut short is as good as none', async () => {
  const wanted = options('seventh', await plane.token());
  const { certificate, config } = await bootstrapNode(wanted);
  writeFileSync(certificate, readFileSync(certificate, 'utf8').slice(0, 300));
  expect((await bootstrapNode(wanted)).config.cert).not.toBe(config.cert);
});

/** What `kubectl certificate approve` and `deny` do. */
async function decide(name: string, type: 'Approved' | 'Denied'): Promise<void> {
  const request: CertificateSigningRequest = await plane.client.get(resources.certificatesigningrequests, {
    name,
  });
  const condition = { type, status: 'True', reason: 'Test', message: 'decided' };
  const changed = { ...request, status: { conditions: [condition] } };
  await plane.client.update(resources.certificatesigningrequests, changed, 'approval');
}
