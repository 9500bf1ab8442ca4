import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, createClient } from '../../api/client.ts';
import { freePort, type TestEtcd } from '../../apiserver/testing/etcd.ts';
import { createTokenKeys } from '../../apiserver/testing/pki.ts';

/** A genuine kube-apiserver on the loopback of this machine. */
export interface GenuineApiserver {
  readonly client: Client;
  /** Ends it, in the way of a service manager. */
  stop(): Promise<void>;
}

const token = 'administrator';
let started = 0;

/**
 * Starts a kube-apiserver on an etcd. Everybody with the token may do everything; objects are stored as JSON unless
 * told otherwise. Resolves when it says that it is ready.
 */
export async function startGenuine(
  program: string,
  etcd: TestEtcd,
  folder: string,
  options: { readonly prefix: string; readonly mediaType?: string },
): Promise<GenuineApiserver> {
  const own = join(folder, `apiserver-${++started}`);
  mkdirSync(own);
  const file = (name: string, text: string) => {
    writeFileSync(join(own, name), text, { mode: 0o600 });
    return join(own, name);
  };
  const { privateKey, publicKey, issuer } = createTokenKeys();
  const port = await freePort('127.0.0.1');
  const key = file('sa.key', privateKey);
  const flags = {
    'authorization-mode': 'AlwaysAllow',
    'bind-address': '127.0.0.1',
    'cert-dir': join(own, 'certificates'),
    // Pods are not let in without an account's token, which nobody makes here.
    'disable-admission-plugins': 'ServiceAccount',
    'endpoint-reconciler-type': 'none',
    'etcd-cafile': etcd.files.ca,
    'etcd-certfile': etcd.files.cert,
    'etcd-keyfile': etcd.files.key,
    'etcd-prefix': options.prefix,
    'etcd-servers': etcd.url,
    'secure-port': String(port),
    'service-account-issuer': issuer,
    'service-account-key-file': file('sa.pub', publicKey),
    'service-account-signing-key-file': key,
    'service-cluster-ip-range': '10.96.0.0/12',
    'storage-media-type': options.mediaType ?? 'application/json',
    'token-auth-file': file('tokens.csv', `${token},admin,1,system:masters\n`),
  };
  const log = join(own, 'log');
  const output = openSync(log, 'w');
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(program, args, { stdio: ['ignore', output, output] });
  const client = createClient({ server: `https://127.0.0.1:${port}`, token, insecureSkipTlsVerify: true });
  await ready(child, client, log);
  return {
    client,
    async stop() {
      client.close();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      // Watches keep it for a minute.
      const patience = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(patience);
    },
  };
}

async function ready(child: ChildProcess, client: Client, log: string): Promise<void> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`kube-apiserver ended: ${readFileSync(log, 'utf8').split('\n').slice(-6).join('\n')}`);
    const said = await client
      .request('GET', '/version')
      .then(() => client.request('GET', '/api/v1/namespaces/default').then(() => '', String), String);
    if (said === '') return;
    if (performance.now() > deadline) throw new Error(`kube-apiserver is not ready after 120 s: ${said}`);
    await delay(100);
  }
}
