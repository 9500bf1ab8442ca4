import { createReadStream } from 'node:fs';
import { mkdir, readdir, realpath, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * Answers `/logs/…` with the files of the node's log folder, and folders with a list of links, as Go's file server does.
 * What a link leads to outside of the folder is not there: pods may write into it. Upstream: `InstallSystemLogHandler`
 * of `pkg/kubelet/server/server.go`.
 */
export async function sendNodeLog(
  response: ServerResponse,
  folder: string,
  path: readonly string[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const root = await realpath(folder);
  const place = await realpath(join(root, ...path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (place === undefined || (place !== root && !place.startsWith(root + sep))) {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
    return;
  }
  const found = await stat(place);
  if (found.isDirectory()) {
    const entries = await readdir(place, { withFileTypes: true });
    const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
    const links = names.map((name) => `<a href="${encodeURI(name)}">${escaped(name)}</a>\n`).join('');
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(`<pre>\n${links}</pre>\n`);
    return;
  }
  if (!found.isFile()) {
    response.writeHead(403, { 'Content-Type': 'text/plain; charset=utf-8' }).end('403 Forbidden\n');
    return;
  }
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Content-Length', found.size);
  await pipeline(createReadStream(place, { end: Math.max(found.size - 1, 0) }), response).catch((error) => {
    if (!response.destroyed) throw error;
  });
}

const signs: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;' };
const escaped = (text: string) => text.replace(/[&<>"]/g, (sign) => signs[sign] ?? sign);
