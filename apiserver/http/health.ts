import type { ServerResponse } from 'node:http';
import { sendText } from './respond.ts';
import { unknownPath } from './target.ts';

/** What is asked with `/healthz`, `/livez` and `/readyz`, under upstream's names. */
interface Checks {
  [name: string]: () => boolean;
}

/**
 * Serves `/livez`, `/readyz?verbose&exclude=etcd`, `/readyz/etcd` and their like; false for other paths.
 * The server listens once everything stands, so that whoever is answered is answered well; later only the disk can
 * fail it. A server that cannot write is alive, and goes on reading, but is not ready.
 * Upstream: `apiserver/pkg/server/healthz/healthz.go`.
 */
export function serveHealth(
  { pathname, searchParams }: Pick<URL, 'pathname' | 'searchParams'>,
  response: ServerResponse,
  storageHealthy: () => boolean,
): boolean {
  const [, root = '', ...rest] = pathname.split('/');
  if (root !== 'healthz' && root !== 'livez' && root !== 'readyz') return false;
  const checks: Checks = {
    ping: () => true,
    log: () => true,
    etcd: () => root === 'livez' || storageHealthy(),
    ...(root === 'readyz' ? { 'informer-sync': () => true } : {}),
    'poststarthook/bootstrap-controller': () => true,
    'poststarthook/rbac/bootstrap-roles': () => true,
    ...(root === 'readyz' ? { shutdown: () => true } : {}),
  };
  const one = rest.join('/');
  if (one) {
    const check = Object.hasOwn(checks, one) ? checks[one] : undefined;
    if (!check) throw unknownPath();
    if (check()) sendText(response, 200, 'ok');
    else sendText(response, 500, `internal server error: ${one} failed\n`);
    return true;
  }
  sendChecks(root, checks, searchParams, response);
  return true;
}

function sendChecks(root: string, checks: Checks, query: URLSearchParams, response: ServerResponse): void {
  const excluded = new Set(query.getAll('exclude').filter(Boolean));
  let well = true;
  const lines: string[] = [];
  for (const [name, check] of Object.entries(checks)) {
    if (excluded.delete(name)) {
      lines.push(`[+]${name} excluded: ok`);
    } else if (check()) {
      lines.push(`[+]${name} ok`);
    } else {
      well = false;
      lines.push(`[-]${name} failed: reason withheld`);
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].map((name) => JSON.stringify(name)).join(', ');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  lines.push(`${root} check ${well ? 'passed' : 'failed'}`, '');
  sendText(response, well ? 200 : 500, well && !query.has('verbose') ? 'ok' : lines.join('\n'));
}
