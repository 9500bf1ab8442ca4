import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapSecret, defaultNodeTokenGroup } from '../../api/bootstrap-secret.ts';
import { bootstrapTokenText, generateBootstrapToken } from '../../api/bootstrap-token.ts';
import { type Client, createClient } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { startApiserver } from '../../apiserver/main.ts';
import { joinObjects } from '../../cluster/kubeadm/objects.ts';
import { createCertificateAuthority, createSigningKeys } from '../../cluster/pki.ts';
import { resolveOptions } from '../../cluster/spec.ts';
import { startControllers } from '../../controllers/main.ts';

export interface TrustedControlPlane extends AsyncDisposable {
  /** `https://127.0.0.1:PORT` */
  server: string;
  ca: string;
  /** Of `system:masters`. */
  client: Client;
  /** What the controllers complained of. */
  complaints: string[];
  /** A folder that goes with it. */
  folder: string;
  /** A new bootstrap token of a node, `ID.SECRET`, good for so many milliseconds. */
  token(life?: number): Promise<string>;
}

/** An apiserver with TLS and the controllers before it, whose CA signs; without namespaces or privileges. */
export async function startTrustedControlPlane(
  options: { clusterSigningMs?: number } = {},
): Promise<TrustedControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'v9s-trust-'));
  const authority = createCertificateAuthority();
  const serving = authority.issue({
    commonName: 'kube-apiserver',
    serverNames: { dns: ['localhost'], ips: ['127.0.0.1'] },
  });
  const end = new AbortController();
  const { addresses, loopback, stopped } = await startApiserver(
    {
      dataDir: join(folder, 'db'),
      listen: [{ host: '127.0.0.1', port: 0 }],
      tls: { ...serving, clientCa: authority.cert },
      serviceAccount: { ...createSigningKeys(), issuer: 'https://kubernetes.default.svc' },
      advertise: { host: '172.18.0.2', port: 6443 },
      serviceCidrs: ['10.96.0.0/16'],
      serviceNodePortRange: '30000-32767',
      initialObjects: joinObjects(resolveOptions({}), 'https://172.18.0.2:6443', authority.cert),
    },
    { signal: end.signal },
  );
  const client = createClient({ transport: loopback });
  const complaints: string[] = [];
  const { ready } = await startControllers(
    {
      client,
      clusterCidrs: ['10.244.0.0/16'],
      clusterSigning: authority,
      onError: (controller, message) => complaints.push(`${controller}: ${message}`),
      ...options,
    },
    { signal: end.signal },
  );
  await ready;
  return {
    server: `https://${addresses[0]}`,
    ca: authority.cert,
    client,
    complaints,
    folder,
    async token(life = 60_000) {
      const token = generateBootstrapToken();
      await client.create(
        resources.secrets,
        bootstrapSecret({
          token,
          usages: ['signing', 'authentication'],
          groups: [defaultNodeTokenGroup],
          expires: Date.now() + life,
        }),
      );
      return bootstrapTokenText(token);
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      client.close();
      await stopped;
      rmSync(folder, { recursive: true });
    },
  };
}
