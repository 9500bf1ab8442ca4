import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const token = 'admin-token';

/** A kube-apiserver with a kube-controller-manager on an etcd, each a process of its own on the loopback. */
export interface Genuine {
  url: string;
  /** JSON, of `kubernetes-admin`. */
  kubeconfig(namespace: string): string;
  stop(): Promise<void>;
}

/**
 * @param programs paths by name
 * @param folder for what they write; removed by who made it
 */
export async function startGenuine(
  programs: Readonly<Record<'etcd' | 'kube-apiserver' | 'kube-controller-manager', string>>,
  folder: string,
): Promise<Genuine> {
  await mkdir(folder, { recursive: true });
  const [etcdPort, peerPort, port, managerPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  const at = (name: string) => join(folder, name);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(at('sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
  await writeFile(at('tokens.csv'), `${token},kubernetes-admin,,"system:masters"\n`);
  const children: ChildProcess[] = [];
  const start = (name: keyof typeof programs, args: string[]) => {
    const log = openSync(at(`${name}.log`), 'a');
    children.push(spawn(programs[name], args, { cwd: folder, stdio: ['ignore', log, log] }));
  };
  const [etcd, peer, url] = [
    `http://127.0.0.1:${etcdPort}`,
    `http://127.0.0.1:${peerPort}`,
    `https://127.0.0.1:${port}`,
  ];
  const kubeconfig = (namespace: string) => JSON.stringify(configOf(url, namespace));
  await writeFile(at('kubeconfig'), kubeconfig('default'));
  start('etcd', [
    ...[
      '--data-dir',
      at('etcd'),
      '--listen-client-urls',
      etcd,
      '--advertise-client-urls',
      etcd,
      '--name',
      'a',
    ],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `a=${peer}`],
  ]);
  start('kube-apiserver', [
    ...[
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--cert-dir=${at('pki')}`,
      `--etcd-servers=${etcd}`,
    ],
    ...['--authorization-mode=Node,RBAC', `--token-auth-file=${at('tokens.csv')}`],
    ...['--service-cluster-ip-range=10.96.0.0/16', '--service-account-issuer=https://kubernetes.default.svc'],
    ...[`--service-account-key-file=${at('sa.key')}`, `--service-account-signing-key-file=${at('sa.key')}`],
  ]);
  const stop = async () => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill();
      await once(child, 'close');
    }
  };
  try {
    await healthy(url, at('kube-apiserver.log'), children);
    start('kube-controller-manager', [
      ...[`--kubeconfig=${at('kubeconfig')}`, `--service-account-private-key-file=${at('sa.key')}`],
      ...[`--root-ca-file=${at('pki/apiserver.crt')}`, '--leader-elect=false', '--port=0'],
      ...['--bind-address=127.0.0.1', `--secure-port=${managerPort}`],
    ]);
    return { url, kubeconfig, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configOf(server: string, namespace: string): object {
  const name = 'kubernetes-admin';
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: name, namespace } }],
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: { token } }],
  };
}

async function healthy(url: string, log: string, [etcd, apiserver]: readonly ChildProcess[]): Promise<void> {
  const until = Date.now() + 120_000;
  for (;;) {
    const answer = await run('curl', ['-ksS', '-H', `Authorization: Bearer ${token}`, `${url}/readyz`]).catch(
      // Nobody listens yet.
      () => undefined,
    );
    if (answer?.stdout === 'ok') return;
    if (Date.now() > until || etcd?.exitCode !== null || apiserver?.exitCode !== null)
      throw new Error(`kube-apiserver does not come up:\n${(await readFile(log, 'utf8')).slice(-2000)}`);
    await delay(200);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}
