import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

const resolvConf = '/etc/resolv.conf';
const resolvedConf = '/run/systemd/resolve/resolv.conf';
/** resolv.conf(5): resolvers ask at most three. */
const mostNameservers = 3;

/** The host's name servers: those of its resolv.conf, behind systemd-resolved's stub also what the stub asks. */
export function hostNameservers(read: (path: string) => string = readIfThere): string[] {
  const servers = parseNameservers(read(resolvConf));
  if (servers.every((server) => !server.startsWith('127.0.0.5'))) return servers;
  return [...new Set([...servers, ...parseNameservers(read(resolvedConf))])].slice(0, mostNameservers);
}

/** The addresses of the `nameserver` lines, at most three; those tied to an interface (`fe80::1%eth0`) are left out. */
export function parseNameservers(text: string): string[] {
  return text
    .split('\n')
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    .filter((address) => isIP(address) !== 0 && !address.includes('%'))
    .slice(0, mostNameservers);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // A host without the file has no name servers to offer.
  }
}
