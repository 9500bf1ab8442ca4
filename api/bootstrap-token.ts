import { createHash, createHmac, randomInt, timingSafeEqual, X509Certificate } from 'node:crypto';

/** A bootstrap token in its two halves: `ID.SECRET`. The id may be told, the secret may not. */
export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';
const idLength = 6;
const secretLength = 16;
const tokenPattern = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;

/** A random one; upstream: `cluster-bootstrap/token/util` `GenerateBootstrapToken`. */
export function generateBootstrapToken(): BootstrapToken {
  const word = (length: number) =>
    Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
  return { id: word(idLength), secret: word(secretLength) };
}

/** `abcdef.0123456789abcdef` → its halves; undefined for other text. */
export function readBootstrapToken(text: string): BootstrapToken | undefined {
  const [, id, secret] = tokenPattern.exec(text) ?? [];
  return id !== undefined && secret !== undefined ? { id, secret } : undefined;
}

/** As {@link readBootstrapToken}; throws for other text, naming only what of it is no secret. */
export function parseBootstrapToken(text: string): BootstrapToken {
  const token = readBootstrapToken(text);
  if (token) return token;
  const [id = ''] = text.split('.');
  throw new Error(
    `the bootstrap token ${JSON.stringify(`${id.slice(0, idLength)}…`)} was not of the form [a-z0-9]{6}.[a-z0-9]{16}; give it whole, as kubeadm or v9s token create printed it`,
  );
}

export function bootstrapTokenText({ id, secret }: BootstrapToken): string {
  return `${id}.${secret}`;
}

/**
 * The signature of a ConfigMap's `kubeconfig` under `jws-kubeconfig-ID`: a JSON Web Signature with HS256 whose
 * content is left out (RFC 7515 appendix F). Byte for byte upstream's: `cluster-bootstrap/token/jws`.
 */
export function detachedSignature(content: string, { id, secret }: BootstrapToken): string {
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  const header = encode(JSON.stringify({ alg: 'HS256', kid: id }));
  const signature = createHmac('sha256', secret)
    .update(`${header}.${encode(content)}`)
    .digest('base64url');
  return `${header}..${signature}`;
}

/** Whether `signature` is the {@link detachedSignature} of `content` by who knows the token. */
export function isSignedWith(signature: string, content: string, token: BootstrapToken): boolean {
  const expected = Buffer.from(detachedSignature(content, token));
  const given = Buffer.from(signature);
  return expected.length === given.length && timingSafeEqual(expected, given);
}

/**
 * `sha256:` and 64 hexadecimal digits: the hash of a certificate's SubjectPublicKeyInfo, what
 * `--discovery-token-ca-cert-hash` takes (RFC 7469). `certificate` is PEM or DER.
 */
export function publicKeyHash(certificate: string | Buffer): string {
  const { publicKey } = new X509Certificate(certificate);
  const info = publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(info).digest('hex')}`;
}

/** The hash in the form {@link publicKeyHash} gives; throws for one that is none, in upstream's words. */
export function parsePublicKeyHash(text: string): string {
  const [format = '', value, ...more] = text.split(':');
  if (value === undefined || more.length > 0) {
    throw new Error(`invalid public key hash ${JSON.stringify(text)}, expected "format:value"`);
  }
  if (format.toLowerCase() !== 'sha256') {
    throw new Error(`unknown hash format ${JSON.stringify(format)}, expected "sha256"`);
  }
  if (value.length !== 64) {
    throw new Error(
      `expected a 32 byte SHA-256 hash, found ${Math.floor(value.length / 2)} bytes in ${text}`,
    );
  }
  if (!/^[0-9a-f]+$/i.test(value)) {
    throw new Error(`invalid public key hash ${JSON.stringify(text)}: not hexadecimal`);
  }
  return `sha256:${value.toLowerCase()}`;
}
