import type { KeyUsages } from './certificate.ts';

/** Key usages as Kubernetes calls them: the number of a bit of KeyUsage, or the id of an extended key usage. */
export const keyUsages: Readonly<Record<string, number | string>> = {
  signing: 0,
  'digital signature': 0,
  'content commitment': 1,
  'key encipherment': 2,
  'data encipherment': 3,
  'key agreement': 4,
  'cert sign': 5,
  'crl sign': 6,
  'encipher only': 7,
  'decipher only': 8,
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
};

/** Upstream: `pkg/controller/certificates/authority/policies.go`. Throws for a usage that nobody knows. */
export function usagesOf(names: readonly string[]): KeyUsages {
  const unknown = names.filter((name) => !(name in keyUsages));
  if (unknown.length > 0) throw new Error(`unrecognized usage values: ${JSON.stringify(unknown)}`);
  const values = [...new Set(names.map((name) => keyUsages[name]))];
  return {
    bits: values.filter((value) => typeof value === 'number').sort((a, b) => a - b),
    extended: values.filter((value) => typeof value === 'string').sort(),
  };
}
