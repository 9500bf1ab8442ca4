import { X509Certificate } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { startTrustedControlPlane, type TrustedControlPlane } from '../testing/trust.ts';
import { bootstrapNode } from './bootstrap.ts';
import { openNodeCertificate } from './credentials.ts';

/** Times in certificates are whole seconds. */
const life = 4_000;
let plane: TrustedControlPlane;
const end = new AbortController();
beforeAll(async () => {
  plane = await startTrustedControlPlane({ clusterSigningMs: life });
});
afterAll(async () => {
  end.abort();
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

test('a node outlives its certificates: it renews them, and loses no watch', async () => {
  const dir = join(plane.folder, 'node');
  const token = await plane.token();
  const { server, ca } = plane;
  await bootstrapNode({ server, ca, token, nodeName: 'n1', dir });
  const certificate = openNodeCertificate(dir);
  const first = certificate.current();
  const client = createClient({ server, ca, certificate: certificate.current });
  const failures: unknown[] = [];
  certificate.keep({ client, nodeName: 'n1', onError: (error) => failures.push(error) }, end.signal);

  // One watch for all the time; it says what it sees, and that it ended.
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { type, object } of client.watch(resources.nodes, { signal: end.signal }))
      if (type === 'ADDED') seen.push(object.metadata?.name ?? '');
    seen.push('ended');
  })().catch(() => undefined);

  await plane.client.create(resources.nodes, { metadata: { name: 'n1' } });
  const firstEnd = Date.parse(new X509Certificate(first.cert).validTo);
  // With the certificate it began with, it would be nobody from then on.
  await expect.poll(() => Date.now() > firstEnd + 1_000, { timeout: 10_000, interval: 50 }).toBe(true);
  const node = await client.get(resources.nodes, { name: 'n1' });
  expect(node.metadata?.name).toBe('n1');
  await plane.client.create(resources.nodes, { metadata: { name: 'n2' } });
  await expect.poll(() => seen).toEqual(['n1', 'n2']);

  const serials = new Set([first.cert, certificate.current().cert]);
  expect(serials.size).toBe(2);
  expect(failures).toEqual([]);
  expect(readdirSync(join(dir, 'pki')).filter((file) => /-2\d\d\d-/.test(file)).length).toBeLessThan(3);
  const stale = createClient({ server, ca, ...first });
  await expect(stale.get(resources.nodes, { name: 'n1' })).rejects.toThrow('Unauthorized');
  stale.close();
  end.abort();
  await watching;
  client.close();
});
