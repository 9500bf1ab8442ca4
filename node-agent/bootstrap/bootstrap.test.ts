import { X509Certificate } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../api/client.ts';
import { loadKubeconfig } from '../../api/kubeconfig.ts';
import { resources } from '../../api/scheme.ts';
import type { SelfSubjectReview } from '../../api/types.ts';
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
  const { cert: ca } = await createCertificateAuthority();
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

test('a certificate file that was cut short is as good as none', async () => {
  const wanted = options('seventh', await plane.token());
  const { certificate, config } = await bootstrapNode(wanted);
  writeFileSync(certificate, readFileSync(certificate, 'utf8').slice(0, 300));
  expect((await bootstrapNode(wanted)).config.cert).not.toBe(config.cert);
});
