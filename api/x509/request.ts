import { createPublicKey, type KeyObject } from 'node:crypto';
import { isSignedBy, signer } from './algorithms.ts';
import {
  bits,
  childrenOf,
  context,
  DerError,
  type Element,
  expectTag,
  integer,
  objectId,
  octets,
  readBits,
  readObjectId,
  readOne,
  sequence,
  set,
  tags,
} from './der.ts';
import {
  type AlternativeNames,
  readAlternativeNames,
  readName,
  type SubjectName,
  writeAlternativeNames,
  writeName,
} from './names.ts';
import { derOf, pemOf } from './pem.ts';

/** What somebody asks to be certified. */
export interface CertificateRequest {
  subject: SubjectName;
  names: AlternativeNames;
  /** DER of the Name as it was written. */
  rawSubject: Buffer;
  /** DER of the SubjectPublicKeyInfo. */
  publicKeyInfo: Buffer;
}

const label = 'CERTIFICATE REQUEST';
const extensionRequestId = '1.2.840.113549.1.9.14';
export const alternativeNamesId = '2.5.29.17';

/** A PKCS #10 request (RFC 2986), PEM, for the public part of `key`. */
export function createRequest(
  key: KeyObject,
  subject: SubjectName,
  names: Partial<AlternativeNames> = {},
): string {
  const asksNames = Object.values(names).some((values) => values.length > 0);
  const extension = sequence(objectId(alternativeNamesId), octets(writeAlternativeNames(names)));
  const content = sequence(
    integer(Buffer.from([0])),
    writeName(subject),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    context(0, ...(asksNames ? [sequence(objectId(extensionRequestId), set(sequence(extension)))] : [])),
  );
  const { algorithm, sign } = signer(key);
  return pemOf(label, sequence(content, algorithm, bits(sign(content))));
}

/**
 * Reads a request, PEM, whose sender has the key it is about: the signature is checked.
 *
 * @throws DerError saying what is wrong with it
 */
export function readRequest(pem: string): CertificateRequest {
  const [content, algorithm, signature] = childrenOf(readOne(derOf(pem, label), tags.sequence));
  const [version, subject, publicKey, ...rest] = childrenOf(content);
  expectTag(version, tags.integer);
  const { whole: publicKeyInfo } = expectTag(publicKey, tags.sequence);
  const { whole } = expectTag(content, tags.sequence);
  if (!isSignedBy(publicKeyInfo, algorithm, whole, readBits(signature))) {
    throw new DerError('the signature of the request is not by its own key');
  }
  return {
    subject: readName(subject),
    rawSubject: expectTag(subject, tags.sequence).whole,
    publicKeyInfo,
    names: requestedNames(rest.find(({ tag }) => tag === 0xa0)),
  };
}

function requestedNames(attributes: Element | undefined): AlternativeNames {
  const extensions = (attributes ? childrenOf(attributes, 0xa0) : []).flatMap((attribute) => {
    const [id, values] = childrenOf(attribute);
    if (readObjectId(id) !== extensionRequestId) return [];
    return childrenOf(values, tags.set).flatMap((value) => childrenOf(value));
  });
  const wanted = extensions
    .map((extension) => childrenOf(extension))
    .filter(([id]) => readObjectId(id) === alternativeNamesId);
  if (wanted.length > 1) throw new DerError('the request asks for alternative names twice');
  const [found] = wanted;
  if (!found) return { dns: [], ips: [], emails: [], uris: [] };
  return readAlternativeNames(readOne(expectTag(found.at(-1), tags.octets).content, tags.sequence));
}
