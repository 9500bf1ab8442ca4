import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const checked = 'http://google.com';

/** What the suite is to have in its environment. */
export interface InternetStandIn extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  /** False where this machine reaches the Internet by itself. */
  readonly needed: boolean;
}

/**
 * Some tests of the suite begin by asking whether the machine that they run on reaches the Internet, though they do not
 * use it. Where it does not, an HTTP proxy on 127.0.0.1 answers that one question; everything else it refuses. Tests whose
 * pods need the Internet fail all the same.
 */
export async function startInternetStandIn(): Promise<InternetStandIn> {
  if (await reachesInternet())
    return { env: {}, needed: false, [Symbol.asyncDispose]: async () => undefined };
  const server = createServer((request, response) => {
    const known = request.url?.replace(/\/$/, '') === checked;
    response.writeHead(known ? 200 : 502).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    env: { http_proxy: `http://127.0.0.1:${port}` },
    needed: true,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function reachesInternet(): Promise<boolean> {
  try {
    await fetch(checked, { signal: AbortSignal.timeout(3_000), redirect: 'manual' });
    return true;
  } catch {
    // No name, no route, or nobody who answers: as in many a sandbox.
    return false;
  }
}
