import { networkInterfaces } from 'node:os';
import { afterAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import { openEtcdStorage } from '../apiserver/storage/etcd/storage.ts';
import { etcdProgram, startTestEtcd } from '../apiserver/testing/etcd.ts';
import { findCommand } from '../lab/doctor.ts';
import { startCluster } from './cluster.ts';

const host = Object.values(networkInterfaces())
  .flatMap((interfaces) => interfaces ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
const program = await etcdProgram();
const missing = !findCommand('pasta')
  ? 'the package passt is not installed'
  : host === undefined && 'this machine has no address but loopback';
if (missing) console.log(`skipped: ${missing}`);
const etcd = program && host && !missing ? await startTestEtcd(program, host) : undefined;
afterAll(() => etcd?.stop());

it.skipIf(!etcd)('keeps a cluster in an etcd outside of it, under the prefix asked for', async () => {
  if (!etcd) return;
  const { ca, cert, key } = etcd.files;
  const cluster = await startCluster({
    name: 'external',
    nodes: 1,
    clusterDns: 'none',
    store: `etcd=${etcd.url}`,
    etcdCafile: ca,
    etcdCertfile: cert,
    etcdKeyfile: key,
    etcdPrefix: '/clusters/external',
  });
  try {
    await cluster.client.create(resources.configmaps, { metadata: { name: 'here', namespace: 'default' } });
    const storage = await openEtcdStorage({
      endpoints: [etcd.url],
      tls: etcd.tls,
      prefix: '/clusters/external',
    });
    const { values } = await storage.range('/registry/configmaps/default/');
    expect(values.map(({ key }) => key)).toContain('/registry/configmaps/default/here');
    await storage.close();
  } finally {
    await cluster.stop();
  }
});
