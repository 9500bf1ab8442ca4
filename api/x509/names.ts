import { formatAddress, parseAddress } from '../address.ts';
import {
  childrenOf,
  DerError,
  type Element,
  objectId,
  primitive,
  readObjectId,
  sequence,
  set,
  tags,
  write,
} from './der.ts';

/** Whom a certificate is for; Kubernetes reads a user and groups in it. */
export interface SubjectName {
  commonName: string;
  organizations: readonly string[];
}

/** What a certificate's server or person may be called besides (RFC 5280, 4.2.1.6). */
export interface AlternativeNames {
  dns: readonly string[];
  ips: readonly string[];
  emails: readonly string[];
  uris: readonly string[];
}

const commonNameId = '2.5.4.3';
const organizationId = '2.5.4.10';

/** As Go's `pkix.Name` is written: all organizations in one set, then the common name. */
export function writeName({ commonName, organizations }: SubjectName): Buffer {
  const entry = (id: string, value: string) =>
    sequence(objectId(id), write(isPrintable(value) ? tags.printable : tags.utf8, Buffer.from(value)));
  const inOrder = organizations.map((value) => entry(organizationId, value)).sort(Buffer.compare);
  return sequence(
    ...(inOrder.length > 0 ? [set(...inOrder)] : []),
    ...(commonName ? [set(entry(commonNameId, commonName))] : []),
  );
}

/** Throws {@link DerError} for a Name of several common names: which of them counted would depend on the reader. */
export function readName(element: Element | undefined): SubjectName {
  const entries = childrenOf(element).flatMap((part) =>
    childrenOf(part, tags.set).map((entry) => {
      const [id, value] = childrenOf(entry);
      if (!value) throw new DerError('a name without a value');
      return { id: readObjectId(id), value: value.content.toString('utf8') };
    }),
  );
  const valuesOf = (wanted: string) => entries.filter(({ id }) => id === wanted).map(({ value }) => value);
  const [commonName = '', ...more] = valuesOf(commonNameId);
  if (more.length > 0) throw new DerError('a name with several common names');
  return { commonName, organizations: valuesOf(organizationId) };
}

/** GeneralNames. */
export function writeAlternativeNames({ dns, ips, emails, uris }: Partial<AlternativeNames>): Buffer {
  const text = (tag: number, values: readonly string[] = []) =>
    values.map((value) => primitive(tag, Buffer.from(value, 'latin1')));
  return sequence(
    ...text(2, dns),
    ...text(1, emails),
    ...(ips ?? []).map((ip) => primitive(7, addressBytes(ip))),
    ...text(6, uris),
  );
}

/** Of the kinds Kubernetes knows; others, as a directory name, are left out. */
export function readAlternativeNames(element: Element | undefined): AlternativeNames {
  const names = childrenOf(element);
  const valuesOf = (tag: number) =>
    names.filter((name) => name.tag === (0x80 | tag)).map(({ content }) => content);
  const texts = (tag: number) => valuesOf(tag).map((content) => content.toString('latin1'));
  return { dns: texts(2), emails: texts(1), uris: texts(6), ips: valuesOf(7).map(addressText) };
}

function addressBytes(text: string): Buffer {
  const address = parseAddress(text);
  if (!address) throw new DerError(`${JSON.stringify(text)} is no IP address`);
  const digits = address.family === 'IPv4' ? 8 : 32;
  return Buffer.from(address.value.toString(16).padStart(digits, '0'), 'hex');
}

function addressText(bytes: Buffer): string {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw new DerError(`an IP address of ${bytes.length} bytes`);
  }
  return formatAddress(bytes.length === 4 ? 'IPv4' : 'IPv6', BigInt(`0x${bytes.toString('hex')}`));
}

/** PrintableString's characters. */
function isPrintable(text: string): boolean {
  return /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text);
}
