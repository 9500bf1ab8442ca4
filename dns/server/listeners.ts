import type { Log } from '../plugin.ts';
import type { Instance } from './instance.ts';
import { createRepeats } from './repeats.ts';
import { answerPacket, type Served } from './server.ts';
import { listenTcp, type TcpListener } from './tcp.ts';
import { listenUdp, type UdpListener } from './udp.ts';

/** The DNS sockets of the program. A reload changes what is served on them, not the sockets. */
export interface Listeners {
  /** Opens what `instance` wants, gives its zones to all, closes what it does not want. */
  serve(instance: Instance): Promise<void>;
  /** `HOST:PORT` of the Corefile → the port that was bound (they differ for port 0). */
  readonly ports: ReadonlyMap<string, number>;
  close(): void;
}

/** How several threads listen on the same ports. */
export interface SharedPorts {
  shared?: boolean;
  fixed?: (key: string) => number | undefined;
}

interface Listener {
  served: Served;
  udp: UdpListener;
  tcp: TcpListener;
}

/** Until an instance is served. */
const nothing: Served = { zones: new Map(), repeats: createRepeats() };

/** With `shared` ports other sockets may listen on them too; `fixed` says which port a key has had to get. */
export function createListeners(
  log: Log,
  { shared = false, fixed = () => undefined }: SharedPorts = {},
): Listeners {
  const open = new Map<string, Listener>();
  const ports = new Map<string, number>();
  const onSocketError = (error: Error) => log.error(`${error.message}`);

  /** A free port is looked for by UDP; where another program has the same of TCP, there are others. */
  async function listen(key: string, host: string, port: number): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await listenOnce(key, host, port);
        return;
      } catch (error) {
        const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (port !== 0 || fixed(key) !== undefined || !isTaken || tries === 10) throw error;
      }
    }
  }

  async function listenOnce(key: string, host: string, port: number): Promise<void> {
    const served = () => open.get(key)?.served ?? nothing;
    // Errors of a chain are told by its `errors` plugin, where there is one; the client gets SERVFAIL anyway.
    const onError = () => {};
    const udp = await listenUdp(
      { host, port: fixed(key) ?? port, shared },
      (packet, client) => answerPacket(served(), packet, client, 'udp', onError),
      onSocketError,
    );
    try {
      const tcp = await listenTcp(
        { host, port: udp.port, shared },
        (packet, client) => answerPacket(served(), packet, client, 'tcp', onError),
        onSocketError,
      );
      open.set(key, { served: nothing, udp, tcp });
      ports.set(key, udp.port);
    } catch (error) {
      udp.close();
      throw error;
    }
  }

  function close(key: string): void {
    const listener = open.get(key);
    listener?.udp.close();
    listener?.tcp.close();
    open.delete(key);
    ports.delete(key);
  }

  return {
    ports,
    async serve({ listeners }) {
      const before = new Set(open.keys());
      try {
        for (const [key, { host, port }] of listeners) if (!open.has(key)) await listen(key, host, port);
      } catch (error) {
        for (const key of [...open.keys()]) if (!before.has(key)) close(key);
        throw error;
      }
      for (const key of [...open.keys()]) {
        const wanted = listeners.get(key);
        const listener = open.get(key);
        if (!wanted) close(key);
        else if (listener) listener.served = wanted;
      }
    },
    close() {
      for (const key of [...open.keys()]) close(key);
    },
  };
}
