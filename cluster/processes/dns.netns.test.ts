import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode } from 'dns-packet';
import { afterEach, expect, test } from 'vitest';
import { packageRoot } from '../../kernel/package-root.ts';

/** The DNS program with threads that share its ports. */

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A loopback address that no other run uses. */
const host = `127.9.${(process.pid >> 8) & 255}.${process.pid & 255 || 1}`;

const corefileOf = (address: string) => `.:0 {
  bind ${host}
  prometheus ${host}:9153
  health ${host}:8080
  ready ${host}:8181
  template IN A {
    answer "{{ .Name }} 5 IN A ${address}"
  }
}
`;

/** A question from a port of its own: the kernel chooses the thread by that. */
async function ask(port: number, name: string): Promise<string> {
  const socket = createSocket('udp4');
  try {
    socket.send(encode({ type: 'query', id: 1, questions: [{ type: 'A', name }] }), port, host);
    const [packet] = await once(socket, 'message', { signal: AbortSignal.timeout(5_000) });
    return (decode(packet).answers ?? []).map((answer) => ('data' in answer ? answer.data : '')).join();
  } finally {
    socket.close();
  }
}

const askMany = async (port: number, times: number, name = 'a.test') =>
  new Set(await Promise.all(Array.from({ length: times }, () => ask(port, name))));

async function page(port: number, path: string): Promise<[number, string]> {
  const response = await fetch(`http://${host}:${port}${path}`);
  return [response.status, await response.text()];
}

const hasSharing = Number(process.versions.node.split('.')[0]) >= 24;
if (!hasSharing)
  console.warn(`not tried: threads that share a port need Node.js 23.1, this is ${process.version}`);

test.runIf(hasSharing)(
  'two threads share the ports, are counted as one, and read the Corefile again together',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'v9s-dns-workers-'));
    ends.push(() => rmSync(folder, { recursive: true }));
    const corefile = join(folder, 'Corefile');
    writeFileSync(corefile, corefileOf('192.0.2.1'));
    const child = spawn(
      process.execPath,
      [join(packageRoot, 'dist/dns.cjs'), '-conf', corefile, '--workers', '2'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const ended = once(child, 'exit');
    ends.push(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    await expect.poll(() => said, { timeout: 20_000 }).toContain('CoreDNS-');
    const port = Number(/^listening on .*:(\d+)$/m.exec(said)?.[1]);

    expect(socketsAt(port)).toBe(2);
    expect(await askMany(port, 40)).toEqual(new Set(['192.0.2.1']));
    expect(await page(8181, '/ready')).toEqual([200, 'OK']);
    expect(await page(8080, '/health')).toEqual([200, 'OK']);
    const [, metrics] = await page(9153, '/metrics');
    expect(metrics).toMatch(/^coredns_dns_requests_total\{.*type="A".*\} 40$/m);
    expect(metrics).toMatch(/^coredns_build_info\{.*\} 1$/m);

    writeFileSync(corefile, corefileOf('192.0.2.2'));
    child.kill('SIGUSR1');
    await expect.poll(() => said, { timeout: 20_000 }).toContain('Reloading complete');
    expect(await askMany(port, 40)).toEqual(new Set(['192.0.2.2']));

    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  },
  60_000,
);

test.runIf(hasSharing)(
  'v9s dns has threads too, which serve the same objects',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'v9s-dns-workers-'));
    ends.push(() => rmSync(folder, { recursive: true }));
    const objects = join(folder, 'objects.yaml');
    writeFileSync(objects, 'kind: Service\nmetadata: { name: web }\nspec: { clusterIP: 10.96.0.10 }\n');
    const args = ['dns', '--objects', objects, '--listen', `${host}:0`, '--workers', '2'];
    const child = spawn(process.execPath, [join(packageRoot, 'dist/v9s.js'), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    ends.push(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    await expect.poll(() => said, { timeout: 20_000 }).toMatch(/:\d+$/m);
    const port = Number(/:(\d+)$/m.exec(said)?.[1]);
    expect(socketsAt(port)).toBe(2);
    expect(await askMany(port, 40, 'web.default.svc.cluster.local')).toEqual(new Set(['10.96.0.10']));
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  },
  60_000,
);

/** UDP sockets on a port of this machine: lines of /proc/net/udp begin with number and address in hexadecimal. */
function socketsAt(port: number): number {
  const inHex = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  const lines = readFileSync('/proc/net/udp', 'utf8').split('\n');
  return lines.filter((line) => line.slice(0, 30).includes(inHex)).length;
}
