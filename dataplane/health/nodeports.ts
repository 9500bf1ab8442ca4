import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Row } from '../model/model.ts';
import { listenFailure } from './listen.ts';

/** Node ports that a proxy listens on, so that no other program takes them while it runs. */
export interface HeldPorts {
  /** Holds exactly these ports, by `30080/TCP`; values say whose they are. */
  sync(ports: ReadonlyMap<string, string>): Promise<void>;
  close(): Promise<void>;
}

/**
 * As kube-proxy did until 1.22: nothing ever arrives here, since the rules turn packets away before. A port that
 * is taken is told of, in the words of the log of 1.12, and tried again with the next sync; its rules are written all the same. Upstream: `OpenLocalPort` of `pkg/proxy/util`, 1.12.
 */
export function createHeldPorts(onError: (message: string) => void): HeldPorts {
  const held = new Map<string, () => Promise<void>>();
  async function drop(key: string): Promise<void> {
    const close = held.get(key);
    held.delete(key);
    await close?.();
  }
  return {
    async sync(ports) {
      for (const key of [...held.keys()]) if (!ports.has(key)) await drop(key);
      for (const [key, name] of ports) {
        if (held.has(key)) continue;
        const [port, protocol] = key.split('/');
        try {
          held.set(key, await (protocol === 'UDP' ? holdUdp : holdTcp)(Number(port)));
        } catch (error) {
          const transport = protocol === 'UDP' ? 'udp' : 'tcp';
          const why = listenFailure(error, transport, Number(port));
          onError(
            `can't open "nodePort for ${name}" (:${port}/${transport}), skipping this nodePort: ${why}`,
          );
        }
      }
    },
    async close() {
      await Promise.all([...held.keys()].map(drop));
    },
  };
}

/** The node ports of these rows that can be listened on, by the names of 1.12. SCTP has no sockets here. */
export function nodePortsOf(rows: Iterable<Row>): Map<string, string> {
  const ports = new Map<string, string>();
  for (const { port } of rows)
    if (port.nodePort !== 0 && port.protocol !== 'SCTP')
      ports.set(`${port.nodePort}/${port.protocol}`, `${port.service}:${port.portName}`);
  return ports;
}

function holdTcp(port: number): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      server.unref();
      resolve(() => new Promise((closed) => server.close(() => closed())));
    });
  });
}

function holdUdp(port: number): Promise<() => Promise<void>> {
  const socket = createSocket('udp6');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, () => {
      socket.unref();
      resolve(() => new Promise((closed) => socket.close(() => closed())));
    });
  });
}
