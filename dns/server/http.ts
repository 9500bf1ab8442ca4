import { createServer, type Server } from 'node:http';

/** What is at a path: a status and a text. */
export interface Shown {
  status: number;
  body: string;
  type?: string;
}

/** Answers of one path. */
export type Page = () => Shown | Promise<Shown>;

/** HTTP listeners of `health`, `ready` and `prometheus`. They outlive a reload, so that no probe is refused. */
export interface HttpPool {
  /** Serves `page` at `http://HOST:PORT/path`; returns the function that takes it back. */
  serve(address: { host: string; port: number }, path: string, page: Page): Promise<() => void>;
  /** Ports in use, by the address that was asked for (port 0 finds a free one). */
  readonly ports: ReadonlyMap<string, number>;
  /** Closes listeners that have no page left. */
  trim(): void;
}

export function createHttpPool(): HttpPool {
  const listeners = new Map<string, { server: Server; pages: Map<string, Page>; listening: Promise<void> }>();
  const ports = new Map<string, number>();

  function listen(key: string, host: string, port: number) {
    const pages = new Map<string, Page>();
    const server = createServer((request, response) => {
      const page = pages.get((request.url ?? '/').split('?')[0] ?? '/');
      const show = ({ status, body, type = 'text/plain; charset=utf-8' }: Shown) =>
        response.writeHead(status, { 'content-type': type }).end(body);
      const shown = page?.() ?? { status: 404, body: '404 page not found\n' };
      if (shown instanceof Promise)
        shown.then(show, (error: Error) => show({ status: 500, body: `${error.message}\n` }));
      else show(shown);
    });
    const listening = new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, ...(host ? { host } : {}) }, () => {
        const address = server.address();
        if (address && typeof address === 'object') ports.set(key, address.port);
        resolve();
      });
    });
    const listener = { server, pages, listening };
    listeners.set(key, listener);
    return listener;
  }

  return {
    ports,
    async serve({ host, port }, path, page) {
      const key = `${host}:${port}`;
      const listener = listeners.get(key) ?? listen(key, host, port);
      try {
        await listener.listening;
      } catch (error) {
        listeners.delete(key);
        throw error;
      }
      listener.pages.set(path, page);
      return () => {
        if (listener.pages.get(path) === page) listener.pages.delete(path);
      };
    },
    trim() {
      for (const [key, { server, pages }] of listeners) {
        if (pages.size > 0) continue;
        listeners.delete(key);
        ports.delete(key);
        server.close();
        server.closeAllConnections();
      }
    },
  };
}
