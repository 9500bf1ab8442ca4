import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { childrenOf, DerError, type Element, objectId, readObjectId, sequence, tags, write } from './der.ts';

/** Signature algorithms by object identifier (RFC 5758, RFC 4055, RFC 8410); the hash is null where it is part of the algorithm. */
const hashes: Readonly<Record<string, { hash: string | null; keys: string }>> = {
  '1.2.840.10045.4.3.2': { hash: 'sha256', keys: 'ec' },
  '1.2.840.10045.4.3.3': { hash: 'sha384', keys: 'ec' },
  '1.2.840.10045.4.3.4': { hash: 'sha512', keys: 'ec' },
  '1.2.840.113549.1.1.11': { hash: 'sha256', keys: 'rsa' },
  '1.2.840.113549.1.1.12': { hash: 'sha384', keys: 'rsa' },
  '1.2.840.113549.1.1.13': { hash: 'sha512', keys: 'rsa' },
  '1.3.101.112': { hash: null, keys: 'ed25519' },
};

const idOfKey: Readonly<Record<string, string>> = {
  prime256v1: '1.2.840.10045.4.3.2',
  secp384r1: '1.2.840.10045.4.3.3',
  secp521r1: '1.2.840.10045.4.3.4',
  rsa: '1.2.840.113549.1.1.11',
  ed25519: '1.3.101.112',
};

/** Signs with what suits the key, and says with what: `algorithm` is an AlgorithmIdentifier. */
export function signer(key: KeyObject): { algorithm: Buffer; sign(bytes: Buffer): Buffer } {
  const type = key.asymmetricKeyType ?? '';
  const kind = type === 'ec' ? (key.asymmetricKeyDetails?.namedCurve ?? '') : type;
  const id = idOfKey[kind];
  const hash = id === undefined ? undefined : hashes[id]?.hash;
  if (id === undefined || hash === undefined) {
    throw new Error(
      `no certificates can be signed with a ${kind} key; use EC P-256, P-384, P-521, RSA or Ed25519`,
    );
  }
  // RSA's identifiers take a NULL, the others nothing.
  const parameters = type === 'rsa' ? [write(0x05)] : [];
  return { algorithm: sequence(objectId(id), ...parameters), sign: (bytes) => sign(hash, bytes, key) };
}

/** Whether the holder of `publicKeyInfo` (SubjectPublicKeyInfo) signed `bytes`. Throws for an algorithm that proves nothing. */
export function isSignedBy(
  publicKeyInfo: Buffer,
  algorithm: Element | undefined,
  bytes: Buffer,
  signature: Buffer,
): boolean {
  const id = readObjectId(childrenOf(algorithm, tags.sequence)[0]);
  const known = hashes[id];
  if (!known) throw new DerError(`signature algorithm ${id} is not supported`);
  const key = readPublicKey(publicKeyInfo);
  return key.asymmetricKeyType === known.keys && verify(known.hash, bytes, key, signature);
}

function readPublicKey(info: Buffer): KeyObject {
  try {
    return createPublicKey({ key: info, format: 'der', type: 'spki' });
  } catch (error) {
    throw new DerError('the public key cannot be read', { cause: error });
  }
}
