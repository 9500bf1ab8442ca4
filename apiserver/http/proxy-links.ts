/** The page a link stands on, as it is seen through the proxy. */
export interface ProxiedPage {
  /** `/api/v1/namespaces/default/services/web/proxy` */
  prefix: string;
  /** What the backend may call itself: its own address, and the one the client asked. */
  hosts: readonly string[];
}

/**
 * Leads an absolute path through the proxy again; relative links and other hosts are left alone. Upstream:
 * `apimachinery/pkg/util/proxy/transport.go` (rewriteURL).
 */
export function rewriteUrl(url: string, { prefix, hosts }: ProxiedPage): string {
  const [, , host, path = ''] = /^(?:(?:(https?):)?\/\/([^/?#]*))?(.*)$/is.exec(url) ?? [];
  if (host !== undefined && !hosts.includes(host)) return url;
  if (host === undefined && !path.startsWith('/')) return url;
  if (path.startsWith(prefix)) return path;
  return `${prefix}${path.startsWith('/') ? '' : '/'}${path}`;
}

/** Attributes that hold a URL, whatever the element; upstream has them by element. */
const attributes = 'href|src|action|formaction|cite|data|poster|longdesc|usemap|background|codebase';
const tag = /<[a-z][^<>]*>/gi;
const attribute = new RegExp(`(\\s(?:${attributes})\\s*=\\s*)("[^"]*"|'[^']*')`, 'gi');

/** The same for every link of a page. */
export function rewriteHtml(html: string, page: ProxiedPage): string {
  return html.replace(tag, (element) =>
    element.replace(attribute, (_, before: string, quoted: string) => {
      const quote = quoted[0] ?? '"';
      return `${before}${quote}${rewriteUrl(quoted.slice(1, -1), page)}${quote}`;
    }),
  );
}
