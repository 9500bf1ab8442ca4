import 'reflect-metadata';
import { generateKeyPairSync } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface TestPki {
  ca: string;
  /** For the address asked for. */
  server: { cert: string; key: string };
  /** A client certificate of this authority. */
  client(name: string, groups?: readonly string[], expired?: boolean): Promise<{ cert: string; key: string }>;
}

/** A certificate authority, good for an hour, with a server at an address, which is also named server.test. */
export async function createTestPki(address = '127.0.0.1'): Promise<TestPki> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const from = new Date(Date.now() - 60_000);
  const to = new Date(Date.now() + 3_600_000);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=kubernetes',
    notBefore: from,
    notAfter: to,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });

  async function issue(subject: x509.JsonName, notAfter = to, ...extensions: x509.Extension[]) {
    const own = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const cert = await x509.X509CertificateGenerator.create({
      subject: new x509.Name(subject).toString(),
      issuer: authority.subject,
      notBefore: from,
      notAfter,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      extensions,
    });
    const der = await crypto.subtle.exportKey('pkcs8', own.privateKey);
    return { cert: cert.toString('pem'), key: x509.PemConverter.encode(der, 'PRIVATE KEY') };
  }

  return {
    ca: authority.toString('pem'),
    server: await issue(
      [{ CN: ['kube-apiserver'] }],
      to,
      new x509.SubjectAlternativeNameExtension([
        { type: 'ip', value: address },
        { type: 'dns', value: 'server.test' },
      ]),
    ),
    client: (name, groups = [], expired = false) =>
      issue(
        [...groups.map((group) => ({ O: [group] })), { CN: [name] }],
        expired ? new Date(Date.now() - 1_000) : to,
      ),
  };
}

/** A key pair for service account tokens. */
export function createTokenKeys(): { privateKey: string; publicKey: string; issuer: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    issuer: 'https://kubernetes.default.svc.cluster.local',
  };
}
