import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bundle } from '../../apiserver/testing/bundle.ts';
import { startTestEtcd, type TestEtcd } from '../../apiserver/testing/etcd.ts';
import { createTestPki, createTokenKeys } from '../../apiserver/testing/pki.ts';
import { nodeEnvironment, nodeProgram } from '../../cluster/runtime.ts';
import { packageRoot } from '../../kernel/package-root.ts';
import { ensureEtcd } from '../../lab/etcd.ts';
import { cacheFolder } from '../../scripts/bootstrap/cache.mjs';
import { type Endpoint, openConnection } from './connection.ts';

/** An apiserver to measure. */
export interface Measured {
  name: string;
  endpoint: Endpoint;
  /** What its work costs is counted in: itself, and its etcd. */
  processes: { name: string; pid: number }[];
  stop(): Promise<void>;
}

/** Ours, built and run as a lab runs it; with `etcd` on an etcd of its own, else on its own database. */
export async function startOurs({ etcd: onEtcd }: { etcd: boolean }): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'v9s-bench-'));
  const program = join(folder, 'server.cjs');
  await bundle(join(packageRoot, 'bench/apiserver/server.ts'), program);
  const etcd = onEtcd ? await startEtcd() : undefined;
  const [execPath, ...execArgv] = (await nodeProgram()) as [string, ...string[]];
  const child = fork(program, {
    execPath,
    execArgv,
    env: {
      ...process.env,
      ...nodeEnvironment(),
      // The compiled part of `level` is left where it lies.
      NODE_PATH: join(packageRoot, 'node_modules'),
      ...(etcd ? { ETCD: JSON.stringify({ endpoints: [etcd.url], tls: etcd.tls }) } : {}),
    },
  });
  const [told] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`our apiserver ended with ${code}`))),
  ]);
  return {
    name: etcd ? 'ours on etcd' : 'ours',
    endpoint: { ...told, url: new URL(told.url) },
    processes: [{ name: 'apiserver', pid: child.pid ?? 0 }, ...processOf(etcd)],
    async stop() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
      await etcd?.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The genuine one, with etcd, as few options as it takes. @throws Error that says where it is looked for */
export async function startGenuine(http2: boolean): Promise<Measured> {
  const program = genuineProgram();
  const folder = mkdtempSync(join(tmpdir(), 'v9s-bench-'));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const etcd = await startEtcd();
  const pki = createTestPki();
  const keys = createTokenKeys();
  const port = await freePort();
  const options = {
    'etcd-servers': etcd.url,
    'etcd-cafile': etcd.files.ca,
    'etcd-certfile': etcd.files.cert,
    'etcd-keyfile': etcd.files.key,
    'bind-address': '127.0.0.1',
    'secure-port': port,
    'insecure-port': 0,
    'cert-dir': folder,
    'tls-cert-file': file('server.crt', pki.server.cert),
    'tls-private-key-file': file('server.key', pki.server.key),
    'client-ca-file': file('ca.crt', pki.ca),
    'service-account-issuer': keys.issuer,
    'service-account-key-file': file('sa.pub', keys.publicKey),
    'service-account-signing-key-file': file('sa.key', keys.privateKey),
    'service-cluster-ip-range': '10.96.0.0/12',
    'authorization-mode': 'Node,RBAC',
    // There is no address that a Service could lead to.
    'endpoint-reconciler-type': 'none',
  };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(program, args, { stdio: 'ignore' });
  const endpoint: Endpoint = {
    url: new URL(`https://127.0.0.1:${port}`),
    ca: pki.ca,
    ...pki.client('bench', ['system:masters']),
    http2,
  };
  await untilReady(endpoint, child);
  return {
    name: 'kube-apiserver, etcd',
    endpoint,
    processes: [{ name: 'apiserver', pid: child.pid ?? 0 }, ...processOf(etcd)],
    async stop() {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
      await etcd.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

function genuineProgram(): string {
  const folders = [process.env.V9S_KUBE_BIN, join(cacheFolder(), 'interop/1.20.2')].filter(Boolean);
  const found = folders.map((folder) => join(folder ?? '', 'kube-apiserver')).find(isProgram);
  if (found) return found;
  throw new Error(
    `no kube-apiserver in ${folders.join(' or ')}: V9S_KUBE_BIN names the folder of one, and npm run test:interop builds one`,
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not here; the next place may have it.
    return false;
  }
}

const startEtcd = async (): Promise<TestEtcd> => startTestEtcd(await ensureEtcd());

const processOf = (etcd: TestEtcd | undefined) => (etcd ? [{ name: 'etcd', pid: etcd.pid() }] : []);

/** Until it takes objects: the namespace `default` is there, and the server is itself well. */
async function untilReady(endpoint: Endpoint, child: ChildProcess): Promise<void> {
  const path = ['/readyz', '/api/v1/namespaces/default'];
  for (;;) {
    if (child.exitCode !== null) throw new Error(`kube-apiserver ended with ${child.exitCode}`);
    try {
      const connection = await openConnection({ ...endpoint, http2: false });
      const codes = [];
      for (const one of path) codes.push((await connection.send('GET', one)).code);
      connection.close();
      if (codes.every((code) => code === 200)) return;
    } catch (error) {
      // It does not listen yet.
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
    }
    await delay(100);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
