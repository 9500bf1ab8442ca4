import { describe, expect, it } from 'vitest';
import { rewriteHtml, rewriteUrl } from './proxy-links.ts';

const prefix = '/api/v1/namespaces/default/services/web/proxy';
const page = { prefix, hosts: ['10.244.1.5:80', 'localhost:8001'] };

describe('links of a page behind the proxy', () => {
  it.each([
    ['/a?b=c#d', `${prefix}/a?b=c#d`],
    ['/', `${prefix}/`],
    ['http://10.244.1.5:80/a', `${prefix}/a`],
    ['http://localhost:8001', `${prefix}/`],
    ['//localhost:8001/a', `${prefix}/a`],
    [`${prefix}/a`, `${prefix}/a`],
    ['a/b', 'a/b'],
    ['../up', '../up'],
    ['#part', '#part'],
    ['', ''],
    ['mailto:a@example.com', 'mailto:a@example.com'],
    ['https://example.com/a', 'https://example.com/a'],
  ])('%s leads to %s', (link, to) => {
    expect(rewriteUrl(link, page)).toBe(to);
  });

  it('are found in attributes, and in nothing else', () => {
    const html = `<a class=x href="/a">/b</a><img src='/c'/><p title="/d">src="/e"</p>`;
    expect(rewriteHtml(html, page)).toBe(
      `<a class=x href="${prefix}/a">/b</a><img src='${prefix}/c'/><p title="/d">src="/e"</p>`,
    );
  });
});
