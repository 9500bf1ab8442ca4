import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, isIPv6 } from 'node:net';

/** A socket opened here to be inherited by a child process. */
export interface HostSocket {
  fd: number;
  port: number;
  /** Closes this process's copy; call it once the child has its own. */
  close(): void;
}

/**
 * Listens on 127.0.0.1; port 0 takes any free one.
 *
 * @throws `Error` that names a busy port and, where /proc tells, who holds it
 */
export async function listenTcp(port: number): Promise<HostSocket> {
  const server = createServer((connection) => connection.destroy());
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code === 'EACCES')
      throw new Error(`port ${port} needs root; choose one from 1024 on`, { cause: error });
    if (error.code !== 'EADDRINUSE') throw error;
    const holder = holderOf(port);
    throw new Error(
      `port ${port} on 127.0.0.1 is in use${holder ? ` by ${holder}` : ''}; choose another, or 0 for any free one`,
      { cause: error },
    );
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has no port');
  return {
    fd: descriptorOf('tcp', address.port),
    port: address.port,
    close: () => server.close(),
  };
}

/** A UDP socket of the family of `peer`, on any free port. */
export async function openUdp(peer: string): Promise<HostSocket> {
  const six = isIPv6(peer);
  const socket = createSocket(six ? 'udp6' : 'udp4');
  socket.bind(0);
  await once(socket, 'listening');
  const { port } = socket.address();
  return { fd: descriptorOf(six ? 'udp6' : 'udp', port), port, close: () => socket.close() };
}

/** Node.js does not tell a socket's descriptor; the kernel does: port → inode → descriptor. */
function descriptorOf(table: 'tcp' | 'udp' | 'udp6', port: number): number {
  const inodes = new Set(inodesOf(`/proc/self/net/${table}`, port));
  for (const fd of readdirSync('/proc/self/fd')) {
    const inode = socketInode(`/proc/self/fd/${fd}`);
    if (inode && inodes.has(inode)) return Number(fd);
  }
  throw new Error(`the descriptor of ${table} port ${port} was not found in /proc/self/fd`);
}

/** Sockets of a proc_net table with this local port, which are not connected to a peer (port 0). */
function inodesOf(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync(table, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, remote]) => local?.endsWith(suffix) && remote?.endsWith(':0000'))
    .map((fields) => fields[9] ?? '');
}

/** Such as `kubectl (PID 4711)`; other users' processes are only visible to root. */
function holderOf(port: number): string | undefined {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => inodesOf(`/proc/self/net/${table}`, port)));
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const inode = socketInode(`/proc/${pid}/fd/${fd}`);
        if (inode && inodes.has(inode))
          return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (PID ${pid})`;
      }
    } catch {
      // The process has ended or is another user's: the next may be the one.
    }
  }
  return undefined;
}

function socketInode(link: string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1];
  } catch {
    return undefined; // Closed meanwhile, such as the descriptor of the directory listing itself.
  }
}
