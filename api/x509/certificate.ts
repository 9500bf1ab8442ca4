import { createHash, createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { signer } from './algorithms.ts';
import {
  bits,
  childrenOf,
  context,
  expectTag,
  integer,
  objectId,
  octets,
  primitive,
  readObjectId,
  readOne,
  sequence,
  tags,
  time,
  yes,
} from './der.ts';
import { type AlternativeNames, writeAlternativeNames } from './names.ts';
import { derOf, pemOf } from './pem.ts';
import { alternativeNamesId } from './request.ts';

/** What is certified, of whom, for how long. */
export interface Certificate {
  /** DER of the Name. */
  rawSubject: Buffer;
  /** DER of the SubjectPublicKeyInfo. */
  publicKeyInfo: Buffer;
  names: Partial<AlternativeNames>;
  notBefore: Date;
  notAfter: Date;
  usages: KeyUsages;
  /** It may certify others; its key's identifier is in it then. */
  isAuthority?: boolean;
}

/** RFC 5280, 4.2.1.3 and 4.2.1.12. */
export interface KeyUsages {
  /** Numbers of the bits of KeyUsage. */
  bits: readonly number[];
  /** Object identifiers of extended key usages. */
  extended: readonly string[];
}

/** Who signs. */
export interface Issuer {
  key: KeyObject;
  /** DER of its Name. */
  rawName: Buffer;
  /** Its SubjectKeyIdentifier. */
  keyId?: Buffer;
  /** Milliseconds since the epoch; no certificate lives longer than who signed it. */
  notAfter: number;
}

const label = 'CERTIFICATE';
const ids = {
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  authorityKey: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
};

/** The authority that a certificate and its key, PEM, are. */
export function readIssuer(cert: string, key: string): Issuer {
  const [content] = childrenOf(readOne(derOf(cert, label), tags.sequence));
  const parts = childrenOf(content);
  // Serial number, algorithm, issuer, validity, subject; the version goes before where it is not 1.
  const [, , , validity, subject] = parts[0]?.tag === 0xa0 ? parts.slice(1) : parts;
  const extensions = parts.find(({ tag }) => tag === 0xa3);
  const own = (extensions ? childrenOf(childrenOf(extensions, 0xa3)[0]) : [])
    .map((extension) => childrenOf(extension))
    .find(([id]) => readObjectId(id) === ids.subjectKey);
  const keyId = own && readOne(expectTag(own.at(-1), tags.octets).content, tags.octets).content;
  return {
    key: createPrivateKey(key),
    rawName: expectTag(subject, tags.sequence).whole,
    ...(keyId ? { keyId } : {}),
    notAfter: readTime(childrenOf(validity)[1]?.content.toString('latin1') ?? ''),
  };
}

/** An X.509 version 3 certificate (RFC 5280), PEM; extensions in the order of Go's crypto/x509. */
export function signCertificate(certificate: Certificate, issuer: Issuer): string {
  const { algorithm, sign } = signer(issuer.key);
  const serial = randomBytes(16);
  // Neither zero nor negative, and always of 16 bytes.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const content = sequence(
    context(0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    issuer.rawName,
    sequence(time(certificate.notBefore), time(certificate.notAfter)),
    certificate.rawSubject,
    certificate.publicKeyInfo,
    context(3, sequence(...extensionsOf(certificate, issuer))),
  );
  return pemOf(label, sequence(content, algorithm, bits(sign(content))));
}

/** RFC 5280, 4.2.1.2, method 1. */
export function keyIdOf(publicKeyInfo: Buffer): Buffer {
  const [, key] = childrenOf(readOne(publicKeyInfo, tags.sequence));
  return createHash('sha1').update(expectTag(key, tags.bits).content.subarray(1)).digest();
}

function extensionsOf(
  { usages, names, isAuthority, publicKeyInfo }: Certificate,
  { keyId }: Issuer,
): Buffer[] {
  const hasNames = Object.values(names).some((values) => values.length > 0);
  return [
    ...(usages.bits.length > 0
      ? [sequence(objectId(ids.keyUsage), yes(), octets(usageBits(usages.bits)))]
      : []),
    ...(usages.extended.length > 0
      ? [sequence(objectId(ids.extendedKeyUsage), octets(sequence(...usages.extended.map(objectId))))]
      : []),
    sequence(objectId(ids.basicConstraints), yes(), octets(sequence(...(isAuthority ? [yes()] : [])))),
    ...(isAuthority ? [sequence(objectId(ids.subjectKey), octets(octets(keyIdOf(publicKeyInfo))))] : []),
    ...(keyId ? [sequence(objectId(ids.authorityKey), octets(sequence(primitive(0, keyId))))] : []),
    ...(hasNames ? [sequence(objectId(alternativeNamesId), octets(writeAlternativeNames(names)))] : []),
  ];
}

/** A named BIT STRING ends with its last bit that is set; bit 0 is the highest of the first byte. */
function usageBits(numbers: readonly number[]): Buffer {
  const last = Math.max(...numbers);
  const bytes = Buffer.alloc(Math.floor(last / 8) + 1);
  for (const number of numbers) {
    const index = Math.floor(number / 8);
    bytes[index] = (bytes[index] ?? 0) | (0x80 >> (number % 8));
  }
  return bits(bytes, 7 - (last % 8));
}

/** `300102030405Z`, or with four digits of the year. */
function readTime(text: string): number {
  const long = text.length === 13 ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  return Date.parse(long.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}
