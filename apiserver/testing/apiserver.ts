import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '../../api/client.ts';
import { type Apiserver, type ApiserverConfig, startApiserver } from '../main.ts';
import { createTestPki, createTokenKeys, type TestPki } from './pki.ts';

export interface TestApiserver extends Apiserver {
  folder: string;
  socket: string;
  /** `https://127.0.0.1:PORT` */
  url: string;
  /** Through the Unix socket: `system:masters`. */
  client: Client;
  pki: TestPki;
  /** What the server reported as its own failures; a test that expects none checks that it is empty. */
  failures: unknown[];
  stop(): Promise<void>;
  /** Stops and starts again on the same database. */
  restart(): Promise<TestApiserver>;
}

let shared: { pki: TestPki; keys: ReturnType<typeof createTokenKeys> } | undefined;

const makeKeys = () => ({ pki: createTestPki(), keys: createTokenKeys() });

/** A whole apiserver in this process, on a database and ports of its own. */
export async function startTestApiserver(
  options: Partial<ApiserverConfig> = {},
  folder = mkdtempSync(join(tmpdir(), 'v9s-apiserver-')),
): Promise<TestApiserver> {
  shared ??= makeKeys();
  const { pki, keys } = shared;
  const controller = new AbortController();
  const failures: unknown[] = [];
  const socket = join(folder, 'sock');
  const apiserver = await startApiserver(
    {
      dataDir: join(folder, 'db'),
      listen: [{ host: '127.0.0.1', port: 0 }, { path: socket }],
      tls: { ...pki.server, clientCa: pki.ca },
      serviceAccount: keys,
      advertise: { host: '172.18.0.2', port: 6443 },
      serviceCidrs: ['10.96.0.0/12'],
      serviceNodePortRange: '30000-32767',
      onError: (error) => failures.push(error),
      ...options,
    },
    { signal: controller.signal },
  );
  const client = createClient({ socketPath: socket });
  const halt = async () => {
    client.close();
    controller.abort();
    await apiserver.stopped;
  };
  return {
    ...apiserver,
    folder,
    socket,
    url: `https://${apiserver.addresses[0]}`,
    client,
    pki,
    failures,
    async stop() {
      await halt();
      rmSync(folder, { recursive: true });
    },
    async restart() {
      await halt();
      return startTestApiserver(options, folder);
    },
  };
}
