import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { createAuthority, issuerOf } from './authority.ts';
import { keyIdOf, readIssuer, signCertificate } from './certificate.ts';
import {
  childrenOf,
  DerError,
  integer,
  objectId,
  readAll,
  readObjectId,
  readOne,
  tags,
  time,
} from './der.ts';
import { writeName } from './names.ts';
import { pemOf, readPem } from './pem.ts';
import { createRequest, readRequest } from './request.ts';

/** Made by `openssl req -new -newkey rsa:2048` with `-addext subjectAltName=…`. */
const fromOpenssl = `-----BEGIN CERTIFICATE REQUEST-----
MIICzzCCAbcCAQAwPzEVMBMGA1UECgwMc3lzdGVtOm5vZGVzMQ0wCwYDVQQKDARk
w6l2MRcwFQYDVQQDDA5zeXN0ZW06bm9kZTpuMTCCASIwDQYJKoZIhvcNAQEBBQAD
ggEPADCCAQoCggEBAJhUSnT7kixJTZ2Cq6jKTTIM0InCOVihbFLWI+QLwC4RY2j8
1K6FffDm9DxfFemHSugH78UzGC47Gb+TNktNccv+ajyjQgQzYg1TNEhBPqq8Jbu4
vJWg5eLpoqtW0F1ynHeHUrs82b00odwU4r5KwrWYi/yv34gVDGTcaBtD+NwjNvm3
/91+krfaEv8O7fdaAetjydWBDrIq3dUeYupm3Oga7sHdxme6innBPPdkvOqyKcxG
aTOV5wNlhED+MzHcP+WudUs9Gp2EPYoDd1dg5oGt8cNv8WW1jFDeI6RUCKbdB0VY
w74Uz98cBEXqWkMkGwz5o2frYCWqjpdjctHcYQcCAwEAAaBLMEkGCSqGSIb3DQEJ
DjE8MDowOAYDVR0RBDEwL4ICbjGHBAoAAAGHEP0AAAAAAAAAAAAAAAAAAAGBBWFA
Yi5jhgpzcGlmZmU6Ly94MA0GCSqGSIb3DQEBCwUAA4IBAQBek0J53ln3ocxqLhqK
W2AClJLwp8aGpwMRTSVmINT+CJdD2FwuPcfT2wZU8llR/xclK8+bQkZBwzq0mY0c
aW3vaD3vEjwzJJwefv76Ez3cJS9N5DbynZAsMFx0VCnrr5CDfOy+HHaYVe+B2Hgk
CNkLGHc6T5cl5zduzjcdme7faO2sERgQ/dS9MIqZnFqUyU5EQL2vtWc9XOXk1Don
41Hcm56aHCesWWz0tdX0z50o3LHG8ofGQ6YGXTZo4igJfhuqP4ud6tUoNjLZll8f
I99g0qjZpxcO5LwGFEPiZlEUX0vWlqasRx32uLPt+yPW2Bhm0d6nS+ciVHhHhjtK
HTiH
-----END CERTIFICATE REQUEST-----
`;

const { privateKey: caKey, publicKey: caPublic } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const caInfo = caPublic.export({ type: 'spki', format: 'der' });
const caSubject = writeName({ commonName: 'kubernetes', organizations: [] });
const notBefore = new Date('2030-01-02T03:04:05Z');
const notAfter = new Date('2051-01-02T03:04:05Z');
const issuer = { key: caKey, rawName: caSubject, keyId: keyIdOf(caInfo), notAfter: notAfter.getTime() };
const usages = { bits: [0, 2], extended: ['1.3.6.1.5.5.7.3.2'] };

test('reads what openssl asks for, with an RSA key', () => {
  expect(readRequest(fromOpenssl)).toMatchObject({
    subject: { commonName: 'system:node:n1', organizations: ['system:nodes', 'dév'] },
    names: { dns: ['n1'], ips: ['10.0.0.1', 'fd00::1'], emails: ['a@b.c'], uris: ['spiffe://x'] },
  });
});

test('reads what it wrote, and certifies it', () => {
  const pem = createRequest(
    caKey,
    { commonName: 'system:node:n1', organizations: ['system:nodes', 'b'] },
    { dns: ['n1'], ips: ['10.0.0.1', 'fd00::1'] },
  );
  const request = readRequest(pem);
  expect(request.subject).toEqual({ commonName: 'system:node:n1', organizations: ['b', 'system:nodes'] });
  const certificate = new X509Certificate(
    signCertificate({ ...request, notBefore, notAfter, usages }, issuer),
  );
  expect(certificate.verify(caPublic)).toBe(true);
  expect(certificate.publicKey.equals(caPublic)).toBe(true);
  expect(certificate.subject).toBe('O=b + O=system:nodes\nCN=system:node:n1');
  expect(certificate.issuer).toBe('CN=kubernetes');
  expect(certificate.subjectAltName).toBe('DNS:n1, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1');
  expect(certificate.keyUsage).toEqual(usages.extended);
  expect(certificate.validFrom).toBe('Jan  2 03:04:05 2030 GMT');
  expect(certificate.validTo).toBe('Jan  2 03:04:05 2051 GMT');
  expect(certificate.ca).toBe(false);
});

test('an issuer is read from its certificate', () => {
  const { privateKey: key } = generateKeyPairSync('ed25519');
  const cert = signCertificate(
    {
      rawSubject: caSubject,
      publicKeyInfo: createPublicKey(key).export({ type: 'spki', format: 'der' }),
      names: {},
      notBefore,
      notAfter,
      usages: { bits: [], extended: [] },
    },
    { ...issuer, key },
  );
  const read = readIssuer(cert, key.export({ type: 'pkcs8', format: 'pem' }).toString());
  expect(read.rawName).toEqual(caSubject);
  expect(read.notAfter).toBe(notAfter.getTime());
  expect(new X509Certificate(cert).verify(createPublicKey(key))).toBe(true);
});

test('refuses a request that another key signed, or nobody could read', () => {
  const { der = Buffer.alloc(0) } = readPem(fromOpenssl) ?? {};
  const forged = Buffer.from(der);
  const at = forged.indexOf('system:node:n1');
  forged.write('system:node:n2', at);
  expect(() => readRequest(pemOf('CERTIFICATE REQUEST', forged))).toThrow('not by its own key');
  expect(() => readRequest(pemOf('CERTIFICATE REQUEST', der.subarray(0, 99)))).toThrow('data truncated');
  expect(() => readRequest(pemOf('CERTIFICATE', der))).toThrow('PEM block type must be CERTIFICATE REQUEST');
  expect(() => readRequest('')).toThrow('PEM block type must be CERTIFICATE REQUEST');
  expect(() => readRequest(pemOf('CERTIFICATE REQUEST', Buffer.concat([der, Buffer.from([0])])))).toThrow(
    'trailing',
  );
  const signed = childrenOf(readOne(der, tags.sequence))[0]?.whole.length ?? 0;
  for (let cut = 0; cut < signed; cut += 5) {
    const broken = Buffer.from(der);
    broken[cut] = (broken[cut] ?? 0) ^ 0x55;
    expect(() => readRequest(pemOf('CERTIFICATE REQUEST', broken))).toThrow(DerError);
  }
});

test('DER as X.690 has it', () => {
  expect(objectId('1.2.840.113549').toString('hex')).toBe('06062a864886f70d');
  expect(readObjectId(readAll(objectId('2.5.29.17'))[0])).toBe('2.5.29.17');
  expect(integer(Buffer.from([0, 0, 0x80])).toString('hex')).toBe('02020080');
  expect(integer(Buffer.from([0])).toString('hex')).toBe('020100');
  expect(time(new Date('2049-12-31T23:59:59.9Z')).toString('latin1')).toBe('\x17\x0d491231235959Z');
  expect(time(new Date('2050-01-01T00:00:00Z')).toString('latin1')).toBe('\x18\x0f20500101000000Z');
  const long = readOne(Buffer.from(`048180${'ab'.repeat(128)}`, 'hex'), tags.octets);
  expect(long.content).toHaveLength(128);
});

test('an authority certifies itself and others, for which it can be told by its key', () => {
  const validity = { notBefore, notAfter };
  const authority = createAuthority({ name: { commonName: 'ca', organizations: [] }, ...validity });
  const root = new X509Certificate(authority.cert);
  expect(root.ca).toBe(true);
  expect(root.checkIssued(root)).toBe(true);
  expect(root.verify(root.publicKey)).toBe(true);

  const leaf = issuerOf(authority)({
    name: { commonName: 'server', organizations: ['b', 'a'] },
    names: { dns: ['server.test'], ips: ['10.0.0.1', 'fd00::1'] },
    usages: ['digital signature', 'server auth'],
    ...validity,
  });
  const read = new X509Certificate(leaf.cert);
  expect(read.ca).toBe(false);
  expect(read.checkIssued(root)).toBe(true);
  expect(read.verify(root.publicKey)).toBe(true);
  expect(read.checkPrivateKey(createPrivateKey(leaf.key))).toBe(true);
  expect(read.subjectAltName).toBe('DNS:server.test, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1');
  expect(read.subject).toBe('O=a + O=b\nCN=server');
  expect(read.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
});
