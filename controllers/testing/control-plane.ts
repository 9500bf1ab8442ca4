import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '../../api/client.ts';
import { startApiserver } from '../../apiserver/main.ts';
import { type ControllersConfig, startControllers } from '../main.ts';

export interface TestControlPlane extends AsyncDisposable {
  client: Client;
  socketPath: string;
  /** Ends with the control plane. */
  signal: AbortSignal;
  /** What controllers complained of, as `controller: message`. */
  complaints: string[];
  /** Ends the controllers, does what is to happen without them, and starts them anew. */
  restartControllers(meanwhile?: () => Promise<void>): Promise<void>;
}

/** An apiserver on a Unix socket and the controllers before it; nothing of it needs a privilege. */
export async function startTestControlPlane(
  options: Partial<Omit<ControllersConfig, 'client'>> = {},
): Promise<TestControlPlane> {
  const folder = await mkdtemp(join(tmpdir(), 'controllers-'));
  const end = new AbortController();
  const socketPath = join(folder, 'apiserver.sock');
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const apiserver = await startApiserver(
    {
      dataDir: join(folder, 'db'),
      listen: [{ path: socketPath }],
      tls: { cert: '', key: '', clientCa: '' },
      serviceAccount: { privateKey, publicKey, issuer: 'https://kubernetes.default.svc' },
      advertise: { host: '172.18.0.2', port: 6443 },
      serviceCidrs: ['10.96.0.0/16'],
      serviceNodePortRange: '30000-32767',
    },
    { signal: end.signal },
  );
  const client = createClient({ transport: apiserver.loopback });
  const complaints: string[] = [];
  let running = new AbortController();
  end.signal.addEventListener('abort', () => running.abort());
  const start = async () => {
    running = new AbortController();
    const onError = (controller: string, message: string) => complaints.push(`${controller}: ${message}`);
    const config = { client, clusterCidrs: ['10.244.0.0/16'], caPem: 'the CA', onError, ...options };
    await (await startControllers(config, { signal: running.signal })).ready;
  };
  await start();
  return {
    client,
    socketPath,
    signal: end.signal,
    complaints,
    async restartControllers(meanwhile) {
      running.abort();
      await meanwhile?.();
      await start();
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      client.close();
      await apiserver.stopped;
      await rm(folder, { recursive: true });
    },
  };
}
