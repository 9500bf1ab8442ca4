import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EtcdUnavailable, ensureEtcd } from '../../lab/etcd.ts';
import type { EtcdTls } from '../storage/etcd/grpc.ts';
import { createTestPki } from './pki.ts';

/** A real etcd, with TLS both ways. */
export interface TestEtcd {
  /** `https://HOST:PORT` */
  url: string;
  tls: EtcdTls;
  /** PEM files with the same. */
  files: { ca: string; cert: string; key: string };
  /** Of the process that runs now. */
  pid(): number;
  /** Ends it as a power cut does, and brings it back on the same files when asked to. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The program, or undefined, and said why, where there is none to be had. */
export async function etcdProgram(): Promise<string | undefined> {
  try {
    return await ensureEtcd();
  } catch (error) {
    if (!(error instanceof EtcdUnavailable)) throw error;
    console.log(`skipped: ${error.message}`);
    return undefined;
  }
}

export async function startTestEtcd(program: string, host = '127.0.0.1'): Promise<TestEtcd> {
  const folder = mkdtempSync(join(tmpdir(), 'v9s-etcd-'));
  const pki = createTestPki(host);
  const client = pki.client('kube-apiserver-etcd-client');
  const file = (name: string, content: string) => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const [port, peerPort] = [await freePort(host), await freePort('127.0.0.1')];
  const url = `https://${host}:${port}`;
  const args = [
    ...['--name', 'test', '--data-dir', join(folder, 'data'), '--logger', 'zap', '--log-level', 'error'],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
    ...['--initial-advertise-peer-urls', `http://127.0.0.1:${peerPort}`],
    ...['--initial-cluster', `test=http://127.0.0.1:${peerPort}`],
    ...['--cert-file', file('server.crt', pki.server.cert), '--key-file', file('server.key', pki.server.key)],
    ...['--client-cert-auth', '--trusted-ca-file', file('ca.crt', pki.ca)],
  ];
  let child: ChildProcess | undefined;
  const start = async () => {
    child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const { serverListens } = await import('../../api/listening.ts');
    await serverListens({ host, port }, { signal: new AbortController().signal });
  };
  const kill = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  await start();
  return {
    url,
    tls: { ca: pki.ca, ...client },
    files: {
      ca: join(folder, 'ca.crt'),
      cert: file('client.crt', client.cert),
      key: file('client.key', client.key),
    },
    pid: () => child?.pid ?? 0,
    kill,
    restart: start,
    async stop() {
      await kill();
      rmSync(folder, { recursive: true });
    },
  };
}

export async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
