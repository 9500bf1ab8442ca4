import { generateKeyPairSync } from 'node:crypto';
import { readIssuer, signCertificate } from './certificate.ts';
import { type AlternativeNames, type SubjectName, writeName } from './names.ts';
import { usagesOf } from './usages.ts';

/** A certificate and its key, PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}

/** What is certified: whom, under which names, for what (`server auth`, see {@link usagesOf}), for how long. */
export interface Subject {
  name: SubjectName;
  names?: Partial<AlternativeNames>;
  usages: readonly string[];
  notBefore: Date;
  notAfter: Date;
}

/** A certificate authority of a new EC P-256 key, which certifies itself (RFC 5280, 4.2.1.9). */
export function createAuthority(subject: Omit<Subject, 'usages'>): KeyPair {
  const { key, pem, publicKeyInfo } = createKey();
  const rawSubject = writeName(subject.name);
  const cert = signCertificate(
    {
      rawSubject,
      publicKeyInfo,
      names: subject.names ?? {},
      notBefore: subject.notBefore,
      notAfter: subject.notAfter,
      usages: usagesOf(['digital signature', 'key encipherment', 'cert sign']),
      isAuthority: true,
    },
    { key, rawName: rawSubject, notAfter: subject.notAfter.getTime() },
  );
  return { cert, key: pem };
}

/** A function that makes a new EC P-256 key for each subject and certifies it, as the authority that `cert` and `key` are. */
export function issuerOf({ cert, key }: KeyPair): (subject: Subject) => KeyPair {
  const issuer = readIssuer(cert, key);
  return ({ name, names = {}, usages, notBefore, notAfter }) => {
    const { pem, publicKeyInfo } = createKey();
    const content = { rawSubject: writeName(name), publicKeyInfo, names, notBefore, notAfter };
    return { cert: signCertificate({ ...content, usages: usagesOf(usages) }, issuer), key: pem };
  };
}

function createKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    key: privateKey,
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
  };
}
