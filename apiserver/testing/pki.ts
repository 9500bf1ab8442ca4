import { generateKeyPairSync } from 'node:crypto';
import { createAuthority, issuerOf, type KeyPair } from '../../api/x509/authority.ts';

export interface TestPki {
  ca: string;
  /** For the address asked for. */
  server: KeyPair;
  /** A client certificate of this authority. */
  client(name: string, groups?: readonly string[], expired?: boolean): KeyPair;
}

/** A certificate authority, good for an hour, with a server at an address, which is also named server.test. */
export function createTestPki(address = '127.0.0.1'): TestPki {
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + 3_600_000);
  const authority = createAuthority({
    name: { commonName: 'kubernetes', organizations: [] },
    notBefore,
    notAfter,
  });
  const issue = issuerOf(authority);
  return {
    ca: authority.cert,
    server: issue({
      name: { commonName: 'kube-apiserver', organizations: [] },
      names: { ips: [address], dns: ['server.test'] },
      usages: [],
      notBefore,
      notAfter,
    }),
    client: (commonName, organizations = [], expired = false) =>
      issue({
        name: { commonName, organizations },
        usages: [],
        notBefore,
        notAfter: expired ? new Date(Date.now() - 1_000) : notAfter,
      }),
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
