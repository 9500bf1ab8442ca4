import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** A certificate and its key, PEM, with the times (ms since the epoch) between which it is good. */
export interface Pair {
  cert: string;
  key: string;
  notBefore: number;
  notAfter: number;
}

/** `pki/NAME-current.pem`, a link to the newest `NAME-DATE.pem`; certificate and key in one file. Upstream: client-go `util/certificate`. */
export interface PairStore {
  /** Of the link; absent until there has been a pair. */
  readonly path: string;
  /** Undefined where there is none, or what is there is no certificate with its key. */
  current(): Pair | undefined;
  /** Becomes the current one in one step; older ones but the last go. Throws where the key is another's. */
  put(cert: string, key: string): Pair;
}

/** `name` is `kubelet-client` or `kubelet-server`. */
export function openPairStore(folder: string, name: string): PairStore {
  const path = join(folder, `${name}-current.pem`);
  return {
    path,
    current: () => readPair(readFile(path)),
    put(cert, key) {
      const pair = toPair(cert, key);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const file = `${name}-${new Date().toISOString().slice(0, 23).replace(/[T:.]/g, '-')}.pem`;
      writeFileSync(join(folder, file), `${cert.trimEnd()}\n${key}`, { mode: 0o600 });
      const updated = join(folder, `${name}-updated.pem`);
      rmSync(updated, { force: true });
      symlinkSync(file, updated);
      renameSync(updated, path);
      dropOld(folder, name);
      return pair;
    },
  };
}

/** The files of ended pairs would be without number where certificates live for seconds. */
function dropOld(folder: string, name: string): void {
  const dated = readdirSync(folder)
    .filter((file) => file.startsWith(`${name}-2`))
    .sort();
  for (const file of dated.slice(0, -2)) rmSync(join(folder, file), { force: true });
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** The certificate and the key in a PEM text; undefined where one of them is missing, or is not for the other. */
export function readPair(text: string): Pair | undefined {
  const [key] = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----\n?/.exec(
    text,
  ) ?? [''];
  try {
    return toPair(text.replace(key, ''), key);
  } catch {
    // Cut short by a full disk, or written by hand: as good as none, and another is asked for.
    return undefined;
  }
}

function toPair(cert: string, key: string): Pair {
  const certificate = new X509Certificate(cert);
  const privateKey: KeyObject = createPrivateKey(key);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(
      `the certificate of ${certificate.subject.replaceAll('\n', ', ')} is not for the key it came with`,
    );
  }
  return {
    cert,
    key,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
  };
}
