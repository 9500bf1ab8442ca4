import type { Socket } from 'node:net';

/** A client's connection, as far as its costs go. */
export interface Connection {
  readonly socket: Socket;
  /** Its next message must be whole by then (milliseconds, by the clock of `performance`); not while it is answered. */
  deadline: number;
  /** Since when it takes no replies; 0 while it does. */
  stuckSince: number;
  /** Questions that are not answered yet. */
  underway: number;
  /** Bytes of messages that are not whole. */
  held: number;
}

/** The connections of one port: not more of them, and not more memory, than one small process has. */
export interface Connections {
  add(connection: Connection): void;
  /** A message came: others have been silent for longer. */
  touch(connection: Connection): void;
  /** To be called where {@link Connection.held} or what is to be written has grown: ends those that hold the most. */
  weigh(connection: Connection): void;
  close(): void;
}

export interface Limits {
  /** With one more, the connection that has been silent for the longest time is closed (RFC 7766 6.2.3). */
  connections: number;
  /** Of all connections together. */
  bytes: number;
  /** Milliseconds that a client may leave its replies unread. */
  writeTimeout: number;
  /** Milliseconds between two looks at who is late. */
  sweepInterval: number;
}

export function createConnections(limits: Limits): Connections {
  /** The one that has been silent for the longest time comes first. */
  const open = new Set<Connection>();
  const weights = new Map<Connection, number>();
  let total = 0;
  let sweeper: NodeJS.Timeout | undefined;

  function sweep(): void {
    const now = performance.now();
    for (const { socket, deadline, stuckSince, underway } of open) {
      const isStuck = stuckSince > 0 && now - stuckSince > limits.writeTimeout;
      if (isStuck || (underway === 0 && stuckSince === 0 && now > deadline)) socket.destroy();
    }
  }

  function setWeight(connection: Connection, weight: number): void {
    total += weight - (weights.get(connection) ?? 0);
    if (weight === 0) weights.delete(connection);
    else weights.set(connection, weight);
  }

  function remove(connection: Connection): void {
    open.delete(connection);
    setWeight(connection, 0);
    if (open.size > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  }

  return {
    add(connection) {
      const [oldest] = open;
      if (oldest && open.size >= limits.connections) {
        remove(oldest);
        oldest.socket.destroy();
      }
      open.add(connection);
      sweeper ??= setInterval(sweep, limits.sweepInterval).unref();
      connection.socket.once('close', () => remove(connection));
    },
    touch(connection) {
      if (open.delete(connection)) open.add(connection);
    },
    weigh(connection) {
      if (!open.has(connection)) return;
      setWeight(connection, connection.held + connection.socket.writableLength);
      while (total > limits.bytes) {
        const [[heaviest]] = [...weights].sort(([, a], [, b]) => b - a) as [[Connection, number]];
        remove(heaviest);
        heaviest.socket.destroy();
      }
    },
    close() {
      for (const { socket } of [...open]) socket.destroy();
    },
  };
}
