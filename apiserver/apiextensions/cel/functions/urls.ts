import type { Environment } from '@marcbachmann/cel-js';

/** As Go's `url.ParseRequestURI` takes one apart. */
class Url {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  constructor(scheme: string, host: string, path: string, query: string) {
    this.scheme = scheme;
    this.host = host;
    this.path = path;
    this.query = query;
  }
}

/** `url("https://…")` and its parts. Upstream: `library/urls.go`. */
export function registerUrls(environment: Environment): void {
  const type = 'kubernetes.URL';
  environment.registerType(type, { ctor: Url, fields: {} });
  environment.registerFunction('isURL(string): bool', (text: string) => parse(text) !== undefined);
  environment.registerFunction(`url(string): ${type}`, (text: string) => {
    const made = parse(text);
    if (!made)
      throw new Error(
        `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
      );
    return made;
  });
  const same = (a: Url, b: Url) =>
    a.scheme === b.scheme && a.host === b.host && a.path === b.path && a.query === b.query;
  environment.registerOperator(`${type} == ${type}`, same);
  const part = (name: string, result: string, of: (url: Url) => unknown) =>
    environment.registerFunction(`${type}.${name}(): ${result}`, of);
  part('getScheme', 'string', ({ scheme }) => scheme);
  part('getHost', 'string', ({ host }) => host);
  part('getHostname', 'string', ({ host }) => split(host).name);
  part('getPort', 'string', ({ host }) => split(host).port);
  part('getEscapedPath', 'string', ({ path }) => path);
  part('getQuery', 'map<string, list<string>>', ({ query }) => {
    const values: Record<string, string[]> = {};
    for (const [key, value] of new URLSearchParams(query)) values[key] = [...(values[key] ?? []), value];
    return values;
  });
}

function parse(text: string): Url | undefined {
  const absolute = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?]*))?([^?]*)(?:\?(.*))?$/.exec(text);
  const relative = /^(\/[^?]*)(?:\?(.*))?$/.exec(text);
  if (!absolute && !relative) return undefined;
  // A space or a control character, or what stands behind a percent sign and is no number.
  if (/[\p{Cc} ]|%(?![0-9A-Fa-f]{2})/u.test(text)) return undefined;
  if (relative) return new Url('', '', relative[1] ?? '', relative[2] ?? '');
  const [, scheme = '', authority = '', path = '', query = ''] = absolute ?? [];
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (!/^(\[[^\]]*\]|[^:[\]]*)(:\d*)?$/.test(host)) return undefined;
  if (!absolute?.[0].includes('//') && !path.startsWith('/'))
    return new Url(scheme.toLowerCase(), '', '', query);
  return new Url(scheme.toLowerCase(), host, path, query);
}

function split(host: string): { name: string; port: string } {
  const [, name = '', port = ''] = /^(.*?)(?::(\d*))?$/.exec(host) ?? [];
  return { name: name.replace(/^\[|\]$/g, ''), port };
}
