/** A reference taken apart: `docker.io/library/busybox`, `1.36`. */
export interface ImageReference {
  repository: string;
  tag?: string;
  digest?: string;
}

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const domainComponent = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const domain = `(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const parts = new RegExp(
  `^(?:(${domain})/)?(${component}(?:/${component})*)(?::([\\w][\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$`,
);

/**
 * Normalises a reference as Docker does: `busybox` is `docker.io/library/busybox`, `a/b` is `docker.io/a/b`; a first
 * part with a dot, a colon or a capital letter, or `localhost`, is a registry. Upstream: distribution/reference
 * `normalize.go` and `regexp.go`. Undefined for text that is no reference.
 */
export function parseReference(reference: string): ImageReference | undefined {
  // An image's id is none: 64 hexadecimal digits could be either.
  if (/^[0-9a-f]{64}$/.test(reference)) return undefined;
  const slash = reference.indexOf('/');
  const first = reference.slice(0, Math.max(slash, 0));
  const isRegistry = /[.:A-Z]/.test(first) || first === 'localhost';
  const [, registry, path = '', tag, digest] =
    parts.exec(isRegistry ? reference : `docker.io/${reference}`) ?? [];
  if (!registry) return undefined;
  const host = registry === 'index.docker.io' ? 'docker.io' : registry;
  const repository = `${host}/${host === 'docker.io' && !path.includes('/') ? `library/${path}` : path}`;
  if (repository.length > 255) return undefined;
  return { repository, ...(tag ? { tag } : {}), ...(digest ? { digest } : {}) };
}

/**
 * The one name under which an image is kept: `docker.io/library/busybox:latest`, or `REPOSITORY@DIGEST` where the
 * reference has a digest, which then says more than its tag.
 */
export function canonicalName({ repository, tag, digest }: ImageReference): string {
  return digest ? `${repository}@${digest}` : `${repository}:${tag ?? 'latest'}`;
}

/** As people write it: without what Docker adds. */
export function familiarName(name: string): string {
  return name.replace(/^docker\.io\/(?:library\/)?/, '');
}
