import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../api/client.ts';
import { startInformer } from '../../api/informer.ts';
import { resources } from '../../api/scheme.ts';
import { signCertificate } from '../../api/x509/certificate.ts';
import { writeName } from '../../api/x509/names.ts';
import { createSecureServer } from '../server/serve.ts';
import { startTrustedControlPlane, type TrustedControlPlane } from '../testing/trust.ts';
import { bootstrapNode } from './bootstrap.ts';
import { openNodeCertificate } from './credentials.ts';
import { openServingCertificate } from './serving.ts';

const life = 4_000;
let plane: TrustedControlPlane;
const end = new AbortController();
beforeAll(async () => {
  plane = await startTrustedControlPlane({ clusterSigningMs: life });
});
afterAll(async () => {
  end.abort();
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

/** What a kubelet makes itself when nobody has made one for it. */
function selfSigned(): { cert: string; key: string } {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rawSubject = writeName({ commonName: 'n1@1', organizations: [] });
  const notAfter = new Date(Date.now() + 3_600_000);
  const cert = signCertificate(
    {
      rawSubject,
      publicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
      names: { dns: ['n1'], ips: ['127.0.0.1'] },
      notBefore: new Date(Date.now() - 1_000),
      notAfter,
      usages: { bits: [0], extended: ['1.3.6.1.5.5.7.3.1'] },
    },
    { key, rawName: rawSubject, notAfter: notAfter.getTime() },
  );
  return { cert, key: key.export({ type: 'sec1', format: 'pem' }).toString() };
}

/** Somebody who approves whatever kubelets want to serve with. */
function approveAll(): void {
  const requests = startInformer(plane.client, resources.certificatesigningrequests, { signal: end.signal });
  requests.onChange(({ type, object }) => {
    if (type !== 'added' || object.spec.signerName !== 'kubernetes.io/kubelet-serving') return;
    const conditions = [{ type: 'Approved', status: 'True', reason: 'Test' }];
    void plane.client.update(
      resources.certificatesigningrequests,
      { ...object, status: { conditions } },
      'approval',
    );
  });
}

test('serves with its own certificate until another is approved, and renews that', async () => {
  const dir = join(plane.folder, 'node');
  const { server, ca } = plane;
  await bootstrapNode({ server, ca, token: await plane.token(), nodeName: 'n1', dir });
  const own = selfSigned();
  mkdirSync(join(dir, 'pki'), { recursive: true });
  writeFileSync(join(dir, 'pki/kubelet.crt'), own.cert);
  writeFileSync(join(dir, 'pki/kubelet.key'), own.key);

  const certificate = openServingCertificate(dir, ca);
  const failures: unknown[] = [];
  const onError = (error: unknown) => failures.push(error);
  const shownAsClient = openNodeCertificate(dir);
  const client = createClient({ server, ca, certificate: shownAsClient.current });
  shownAsClient.keep({ client, nodeName: 'n1', onError }, end.signal);
  const https = createSecureServer({
    client,
    nodeName: 'n1',
    tls: { ...own, clientCa: ca, certificate: certificate.current },
    machine: 'x86_64',
    pods: () => [],
    logDir: join(dir, 'log'),
    onError: (_, error) => failures.push(error),
  });
  https.listen(0, '127.0.0.1');
  await once(https, 'listening');
  const { port } = https.address() as AddressInfo;
  const shown = async () => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { raw } = socket.getPeerCertificate();
    socket.destroy();
    return new X509Certificate(raw);
  };

  expect((await shown()).subject).toBe('CN=n1@1');
  certificate.keep({ client, nodeName: 'n1', ips: ['127.0.0.1'], bootstrap: true, onError }, end.signal);
  expect((await shown()).subject).toBe('CN=n1@1');
  approveAll();
  const authority = new X509Certificate(ca);
  await expect.poll(async () => (await shown()).verify(authority.publicKey), { timeout: 10_000 }).toBe(true);
  const first = await shown();
  expect(first.subjectAltName).toBe('DNS:n1, IP Address:127.0.0.1');
  await expect
    .poll(async () => (await shown()).serialNumber !== first.serialNumber, { timeout: 10_000 })
    .toBe(true);
  expect(failures).toEqual([]);
  // Who starts again goes on with what was approved.
  expect(new X509Certificate(openServingCertificate(dir, ca).current().cert).issuer).toBe('CN=kubernetes');
  https.close();
  client.close();
});

test('a certificate that a node signed itself is left alone where nothing else was asked for', async () => {
  const dir = join(plane.folder, 'other');
  const own = selfSigned();
  mkdirSync(join(dir, 'pki'), { recursive: true });
  writeFileSync(join(dir, 'pki/kubelet.crt'), own.cert);
  expect(() => openServingCertificate(dir, plane.ca)).toThrow('ENOENT');
  writeFileSync(join(dir, 'pki/kubelet.key'), own.key);
  const certificate = openServingCertificate(dir, plane.ca);
  const asked = () => plane.client.list(resources.certificatesigningrequests);
  const before = (await asked()).items.length;
  const onError = (error: unknown) => {
    throw error;
  };
  certificate.keep({ client: plane.client, nodeName: 'n2', ips: [], onError }, end.signal);
  expect(certificate.current().cert).toBe(own.cert);
  expect((await asked()).items.length).toBe(before);
});
