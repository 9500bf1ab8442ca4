import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority, issuerOf, type KeyPair } from '../api/x509/authority.ts';

/** Who a certificate is for. Client certificates carry user and groups as CN and O. */
export interface Subject {
  commonName: string;
  organizations?: readonly string[];
  /** Makes it a serving certificate for these names and addresses. */
  serverNames?: { dns: readonly string[]; ips: readonly string[] };
  /** A client's as well, where it is a server's. */
  isClient?: boolean;
}

/** Signs certificates with the cluster's own CA. */
export interface CertificateAuthority extends KeyPair {
  /** A new EC P-256 key and its certificate, valid for ten years. */
  issue(subject: Subject): KeyPair;
}

const lifetimeYears = 10;

/** Makes a CA named `kubernetes`, as kubeadm does. EC P-256, valid for ten years. */
export function createCertificateAuthority(): CertificateAuthority {
  const { cert, key } = createAuthority({
    name: { commonName: 'kubernetes', organizations: [] },
    ...validity(),
  });
  return loadCertificateAuthority(cert, key);
}

/** A CA that was made before, from its PEM. */
export function loadCertificateAuthority(cert: string, key: string): CertificateAuthority {
  const issue = issuerOf({ cert, key });
  return {
    cert,
    key,
    issue: ({ commonName, organizations = [], serverNames, isClient = !serverNames }) =>
      issue({
        name: { commonName, organizations },
        names: serverNames ?? {},
        usages: [
          'digital signature',
          'key encipherment',
          ...(serverNames ? ['server auth'] : []),
          ...(isClient ? ['client auth'] : []),
        ],
        ...validity(),
      }),
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

function validity(): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + lifetimeYears);
  // An hour of grace for clocks that differ, as cert-manager and others give.
  return { notBefore: new Date(now - 3_600_000), notAfter };
}
