import { DerError } from './der.ts';

/** The DER in the first block of a PEM text (RFC 7468), with its label; undefined where there is none. */
export function readPem(text: string): { label: string; der: Buffer } | undefined {
  const [, label, body] =
    /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\s]*)-----END \1-----/.exec(text) ?? [];
  return label === undefined || body === undefined ? undefined : { label, der: Buffer.from(body, 'base64') };
}

/** The DER of the first block, which has to have that label. */
export function derOf(text: string, label: string): Buffer {
  const block = readPem(text);
  if (block?.label !== label) throw new DerError(`PEM block type must be ${label}`);
  return block.der;
}

export function pemOf(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
