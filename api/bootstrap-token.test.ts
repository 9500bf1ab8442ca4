import { expect, test } from 'vitest';
import {
  bootstrapTokenText,
  detachedSignature,
  generateBootstrapToken,
  isSignedWith,
  parseBootstrapToken,
  parsePublicKeyHash,
  publicKeyHash,
  readBootstrapToken,
} from './bootstrap-token.ts';

/** A self-signed certificate of no use; `openssl x509 -pubkey | openssl pkey -pubin -outform der | sha256sum`. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBfTCCASOgAwIBAgIUBnP06sZvxv06SmP3PIsKg8xolZowCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIcGluLXRlc3QwIBcNMjYxMTIxMjIwNTQwWhgPMjEyNjEwMjgy
MjA1NDBaMBMxETAPBgNVBAMMCHBpbi10ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEA6UcCToKH1Iz7BYsXpXXD1tyv8jZPiLoW5aZ6Kg4uo2N3FQ/KOJTyPDY
ynZ2KL1jytL30XDQYPzFViS//KfymqNTMFEwHQYDVR0OBBYEFHUgSgmQnnWk9LIi
+b+aQpZ6VW14MB8GA1UdIwQYMBaAFHUgSgmQnnWk9LIi+b+aQpZ6VW14MA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAK3x+mpxb2N44eAT2df+bIOI
bdJ4dMgB7j8Su/U0cKSsAiB7G2/RgUlt7jDy1/VGVuVfbboq++VLGa62d7QTakcI
9w==
-----END CERTIFICATE-----
`;
const hash = 'sha256:16ac30782ebdba942cb90a787b934c7ccd3391042087d6e6194777fd160ca6ed';

test('a generated token is read back whole', () => {
  const token = generateBootstrapToken();
  expect(bootstrapTokenText(token)).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  expect(parseBootstrapToken(bootstrapTokenText(token))).toEqual(token);
  expect(generateBootstrapToken()).not.toEqual(token);
});

test.each([
  '',
  '.',
  'abcdef',
  'abcdef:0123456789abcdef',
  'ABCDEF.0123456789abcdef',
  'abcdef.0123456789abcde',
  'abcdef.0123456789abcdef\n',
])('%j is no token, and its secret is not said', (text) => {
  expect(readBootstrapToken(text)).toBeUndefined();
  expect(() => parseBootstrapToken(text)).toThrow(/was not of the form/);
  expect(() => parseBootstrapToken(text)).not.toThrow(/0123456789/);
});

test('signs byte for byte as cluster-bootstrap does', () => {
  const content = 'Hello from the other side. I must have called a thousand times.';
  const token = { id: 'joshua', secret: 'my voice is my passcode' };
  const signature = 'eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8';
  expect(detachedSignature(content, token)).toBe(signature);
  expect(detachedSignature('', token)).toBe(
    'eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..7Ui1ALizW4jXphVUB7xUqC9vLYLL9RZeOFfVLoB7Tgk',
  );
  expect(isSignedWith(signature, content, token)).toBe(true);
  expect(isSignedWith(`${signature}foo`, content, token)).toBe(false);
  expect(isSignedWith(signature, `${content} `, token)).toBe(false);
  expect(isSignedWith(signature, content, { ...token, secret: 'other' })).toBe(false);
});

test('hashes a public key as openssl does', () => {
  expect(publicKeyHash(certificate)).toBe(hash);
  expect(parsePublicKeyHash(hash.toUpperCase())).toBe(hash);
});

test.each([
  ['xyz', 'expected "format:value"'],
  ['md5:00', 'unknown hash format "md5"'],
  ['sha256:00', 'found 1 bytes'],
  [`sha256:${'z'.repeat(64)}`, 'not hexadecimal'],
])('%s is no public key hash', (text, why) => {
  expect(() => parsePublicKeyHash(text)).toThrow(why);
});
