import 'reflect-metadata';
import { createPrivateKey, generateKeyPairSync, KeyObject, type webcrypto } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

/** Who a certificate is for. Client certificates carry user and groups as CN and O. */
export interface Subject {
  commonName: string;
  organizations?: readonly string[];
  /** Makes it a serving certificate for these names and addresses. */
  serverNames?: { dns: readonly string[]; ips: readonly string[] };
  /** A client's as well, where it is a server's. */
  isClient?: boolean;
}

/** A certificate and its key, PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}

/** Signs certificates with the cluster's own CA. */
export interface CertificateAuthority extends KeyPair {
  issue(subject: Subject): Promise<KeyPair>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const lifetimeYears = 10;

/** Makes a CA named `kubernetes`, as kubeadm does. EC P-256, valid for ten years. */
export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name: 'CN=kubernetes',
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign |
          x509.KeyUsageFlags.digitalSignature |
          x509.KeyUsageFlags.keyEncipherment,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return signingWith(authority, keys);
}

/** A CA that was made before, from its PEM. */
export async function loadCertificateAuthority(cert: string, key: string): Promise<CertificateAuthority> {
  const authority = new x509.X509Certificate(cert);
  const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
  const privateKey = await crypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
  return signingWith(authority, { privateKey });
}

async function signingWith(
  authority: x509.X509Certificate,
  keys: { privateKey: webcrypto.CryptoKey },
): Promise<CertificateAuthority> {
  // The same in every certificate, and each costs its making.
  const common = [
    new x509.KeyUsagesExtension(
      x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
      true,
    ),
    new x509.BasicConstraintsExtension(false, undefined, true),
    await x509.AuthorityKeyIdentifierExtension.create(authority),
  ];
  const forClients = [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])];
  return {
    cert: authority.toString('pem'),
    key: privatePem(keys.privateKey),
    async issue(subject) {
      const own = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const certificate = await x509.X509CertificateGenerator.create({
        ...validity(),
        subject: distinguishedName(subject),
        issuer: authority.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          ...common,
          ...(subject.serverNames ? forServer(subject.serverNames, subject.isClient) : forClients),
        ],
      });
      return { cert: certificate.toString('pem'), key: privatePem(own.privateKey) };
    },
  };
}

/** The key pair that signs service-account tokens (ES256), PEM; upstream's `sa.key` and `sa.pub`. */
export function createSigningKeys(): { privateKey: string; publicKey: string } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}

/** Writes files (name → content) into a folder that appears whole or not at all; keys are for the owner alone. */
export function writeFolder(folder: string, files: Record<string, string>): void {
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(draft, name), content, { mode: 0o600 });
  renameSync(draft, folder);
}

function validity(): { notBefore: Date; notAfter: Date; serialNumber: string } {
  const now = Date.now();
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + lifetimeYears);
  const serial = crypto.getRandomValues(new Uint8Array(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  // An hour of grace for clocks that differ, as cert-manager and others give.
  return {
    notBefore: new Date(now - 3_600_000),
    notAfter,
    serialNumber: Buffer.from(serial).toString('hex'),
  };
}

function distinguishedName({ commonName, organizations = [] }: Subject): x509.JsonName {
  return [...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }];
}

function forServer(serverNames: NonNullable<Subject['serverNames']>, isClient = false): x509.Extension[] {
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const names = [
    ...serverNames.dns.map((value) => ({ type: 'dns' as const, value })),
    ...serverNames.ips.map((value) => ({ type: 'ip' as const, value })),
  ];
  return [
    new x509.ExtendedKeyUsageExtension(isClient ? [serverAuth, clientAuth] : [serverAuth]),
    new x509.SubjectAlternativeNameExtension(names),
  ];
}

function privatePem(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}
