import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createClient } from '../../../api/client.ts';
import { resources } from '../../../api/scheme.ts';
import { packageRoot } from '../../../kernel/package-root.ts';
import { startDns } from '../../main.ts';
import { createTestLog } from '../../testing/ask.ts';
import { askPort } from '../../testing/client.ts';
import { service, slice } from '../../testing/objects.ts';

/** DNS under questions without a break, while its API is killed and things change before it can follow again. */

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** An apiserver on the database of a folder; `kill` gives it no time for anything. */
async function startApi(folder: string) {
  const program = join(packageRoot, 'dns/testing/apiserver-process.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', program, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: packageRoot,
  });
  const ended = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  ends.push(kill);
  const [said] = await Promise.race([once(child.stdout, 'data'), ended]);
  if (!Buffer.isBuffer(said)) throw new Error('the apiserver ended before it was ready');
  return { kill };
}

const of = (name: string) => `${name}.ns.svc.cluster.local`;

/** Asks for a name again and again; every answer that differs from the one before is kept. */
function watchName(port: number, name: string, type = 'A') {
  const seen: string[] = [];
  let count = 0;
  let asking = true;
  const ended = (async () => {
    while (asking) {
      const { rcode, answers } = await askPort(port, name, type);
      const answer = [rcode, ...answers.sort()].join(' ');
      count++;
      if (seen.at(-1) !== answer) seen.push(answer);
    }
  })();
  return {
    seen,
    get count() {
      return count;
    },
    async end() {
      asking = false;
      await ended;
    },
  };
}

test('killed at any time, the API leaves no hole; what changed meanwhile shows once, and nothing else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'v9s-dns-kill-'));
  ends.push(() => rmSync(folder, { recursive: true }));
  const first = await startApi(folder);
  const client = createClient({ socketPath: join(folder, 'sock') });
  ends.push(() => client.close());
  await client.create(resources.namespaces, { metadata: { name: 'ns' } });
  for (const [name, ip] of [
    ['stays', '10.96.0.101'],
    ['goes', '10.96.0.102'],
    ['moves', '10.96.0.103'],
  ] as const)
    await client.create(resources.services, service(`ns/${name}`, [ip], { http: 80 }));
  await client.create(resources.services, service('ns/heads', ['None'], { http: 80 }));
  await client.create(
    resources.endpointslices,
    slice('heads-1', 'ns/heads', ['10.1.0.1', '10.1.0.2'], { http: 80 }),
  );

  const log = createTestLog();
  const end = new AbortController();
  const dns = await startDns(
    {
      corefileText: '.:0 {\n errors\n kubernetes cluster.local in-addr.arpa\n loadbalance\n}',
      client: () => client,
      log,
    },
    { signal: end.signal },
  );
  ends.push(async () => {
    end.abort();
    await dns.ended;
  });
  const port = dns.ports.get(':0') ?? 0;
  for (const name of ['stays', 'goes', 'moves', 'heads'])
    await expect.poll(async () => (await askPort(port, of(name))).rcode).toBe('NOERROR');

  const watched = {
    stays: watchName(port, of('stays')),
    goes: watchName(port, of('goes')),
    comes: watchName(port, of('comes')),
    moves: watchName(port, of('moves')),
    pointer: watchName(port, '103.0.96.10.in-addr.arpa', 'PTR'),
    heads: watchName(port, of('heads')),
  };
  await first.kill();
  await expect
    .poll(() => log.lines.filter((line) => line.includes('failed to list and watch')).length)
    .toBeGreaterThan(0);
  const counts = Object.values(watched).map(({ count }) => count);
  await expect
    .poll(() => Object.values(watched).every(({ count }, index) => count > (counts[index] ?? 0) + 100))
    .toBe(true);

  // DNS comes back when it likes, before, amid or after these.
  await startApi(folder);
  const at = (name: string) => ({ namespace: 'ns', name });
  await client.delete(resources.services, at('goes'));
  await client.delete(resources.services, at('moves'));
  await client.create(resources.services, service('ns/moves', ['10.96.0.104'], { http: 80 }));
  await client.create(resources.services, service('ns/comes', ['10.96.0.105'], { http: 80 }));
  const fewer = { endpoints: [{ addresses: ['10.1.0.2'] }] };
  await client.patch(resources.endpointslices, at('heads-1'), 'merge', fewer);
  const last = (name: keyof typeof watched) => watched[name].seen.at(-1);
  await expect.poll(() => last('comes'), { timeout: 20_000 }).toBe('NOERROR 10.96.0.105');
  await expect.poll(() => last('goes'), { timeout: 20_000 }).toBe('NXDOMAIN');
  await expect.poll(() => last('moves'), { timeout: 20_000 }).toBe('NOERROR 10.96.0.104');
  await expect.poll(() => last('heads'), { timeout: 20_000 }).toBe('NOERROR 10.1.0.2');
  await expect.poll(() => last('pointer'), { timeout: 20_000 }).toBe('NXDOMAIN');
  for (const one of Object.values(watched)) await one.end();

  expect(watched.stays.seen).toEqual(['NOERROR 10.96.0.101']);
  expect(watched.goes.seen).toEqual(['NOERROR 10.96.0.102', 'NXDOMAIN']);
  expect(watched.comes.seen).toEqual(['NXDOMAIN', 'NOERROR 10.96.0.105']);
  expect(watched.heads.seen).toEqual(['NOERROR 10.1.0.1 10.1.0.2', 'NOERROR 10.1.0.2']);
  expect(watched.pointer.seen).toEqual([`NOERROR ${of('moves')}.`, 'NXDOMAIN']);
  // It was deleted and made anew: DNS may have seen it gone in between, but never what it was before again.
  expect([...watched.moves.seen].filter((answer) => answer !== 'NXDOMAIN')).toEqual([
    'NOERROR 10.96.0.103',
    'NOERROR 10.96.0.104',
  ]);
}, 60_000);
