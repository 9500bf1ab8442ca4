import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createClient } from '../../../api/client.ts';
import { resources } from '../../../api/scheme.ts';
import { startTestApiserver, type TestApiserver } from '../../../apiserver/testing/apiserver.ts';
import { type Dns, startDns } from '../../main.ts';
import { createTestLog } from '../../testing/ask.ts';
import { askPort } from '../../testing/client.ts';

/** What DNS does while its API is away: it goes on with what it knows, and has no hole when it comes back. */

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const name = (service: string) => `${service}.ns.svc.cluster.local`;
const spec = (clusterIP: string) => ({ clusterIP, ports: [{ port: 80 }] });

async function start(
  socketPath: string,
  corefile: string,
): Promise<{ dns: Dns; log: string[]; port: number }> {
  const client = createClient({ socketPath });
  const end = new AbortController();
  const log = createTestLog();
  const dns = await startDns({ corefile, client: () => client, log }, { signal: end.signal });
  ends.push(async () => {
    end.abort();
    await dns.ended;
    client.close();
  });
  return { dns, log: log.lines, port: dns.ports.get(':0') ?? 0 };
}

test('while the API is dead what is known is answered, after a reload as well; then DNS catches up', async () => {
  let api: TestApiserver = await startTestApiserver();
  ends.push(() => api.stop());
  await api.client.create(resources.namespaces, { metadata: { name: 'ns' } });
  await api.client.create(resources.services, {
    metadata: { name: 'a', namespace: 'ns' },
    spec: spec('10.96.0.101'),
  });

  const folder = mkdtempSync(join(tmpdir(), 'v9s-dns-outage-'));
  ends.push(() => rmSync(folder, { recursive: true }));
  const corefile = join(folder, 'Corefile');
  const write = (ttl: number) =>
    writeFileSync(
      corefile,
      `.:0 {\n kubernetes cluster.local {\n  ttl ${ttl}\n  startup_timeout 20ms\n }\n}`,
    );
  write(5);
  const { dns, log, port } = await start(api.socket, corefile);
  // It starts before it knows everything, where the machine is slow.
  await expect
    .poll(async () => (await askPort(port, name('a'))).answers, { timeout: 10_000 })
    .toEqual(['10.96.0.101']);

  // From here on, without a break: every answer must be the address.
  const seen = new Set<string>();
  let asking = true;
  const asked = (async () => {
    while (asking) {
      const { rcode, answers } = await askPort(port, name('a'));
      seen.add(`${rcode} ${answers.join()}`);
    }
  })();

  const restarted = api.restart();
  await expect
    .poll(() => log.filter((line) => line.includes('failed to list and watch')).length)
    .toBeGreaterThan(0);
  expect((await askPort(port, name('b'))).rcode).toBe('NXDOMAIN');
  write(7);
  await dns.reload();
  api = await restarted;
  await api.client.create(resources.services, {
    metadata: { name: 'b', namespace: 'ns' },
    spec: spec('10.96.0.102'),
  });
  await expect
    .poll(async () => (await askPort(port, name('b'))).answers, { timeout: 10_000 })
    .toEqual(['10.96.0.102']);
  asking = false;
  await asked;
  expect([...seen]).toEqual(['NOERROR 10.96.0.101']);
}, 20_000);

test('before it has ever read the API the server says SERVFAIL; then what there is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'v9s-dns-outage-'));
  const corefile = join(folder, 'Corefile');
  writeFileSync(corefile, '.:0 {\n kubernetes cluster.local {\n  startup_timeout 20ms\n }\n}');
  const { port, log } = await start(join(folder, 'sock'), corefile);
  expect((await askPort(port, name('a'))).rcode).toBe('SERVFAIL');
  expect((await askPort(port, 'nobody.cluster.local')).rcode).toBe('SERVFAIL');
  expect(log).toContain('[WARNING] plugin/kubernetes: starting server with unsynced Kubernetes API');

  const api = await startTestApiserver({}, folder);
  ends.push(() => api.stop());
  await api.client.create(resources.namespaces, { metadata: { name: 'ns' } });
  await api.client.create(resources.services, {
    metadata: { name: 'a', namespace: 'ns' },
    spec: spec('10.96.0.101'),
  });
  await expect
    .poll(async () => (await askPort(port, name('a'))).answers, { timeout: 10_000 })
    .toEqual(['10.96.0.101']);
  // What there is may be answered a little before everything has been read.
  await expect
    .poll(async () => (await askPort(port, 'nobody.cluster.local')).rcode, { timeout: 10_000 })
    .toBe('NXDOMAIN');
}, 20_000);
