import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { askPort } from '../dns/testing/client.ts';
import { type DnsValues, serveDns } from './dns.ts';

const folder = mkdtempSync(join(tmpdir(), 'v9s-dns-'));
afterAll(() => rmSync(folder, { recursive: true }));
let end = new AbortController();
afterEach(() => {
  end.abort();
  end = new AbortController();
});

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** As people write them: no defaults filled in, other kinds among them. */
const objects = file(
  'objects.yaml',
  `
kind: Service
metadata: { name: web }
spec: { clusterIP: 10.96.0.10, ports: [{ name: http, port: 80 }] }
---
kind: Deployment
metadata: { name: web }
---
kind: Service
metadata: { name: db, namespace: data }
spec: { clusterIP: None }
---
kind: EndpointSlice
metadata: { generateName: db-, namespace: data, labels: { kubernetes.io/service-name: db } }
endpoints: [{ addresses: [10.244.1.5] }]
---
kind: EndpointSlice
metadata: { generateName: db-, namespace: data, labels: { kubernetes.io/service-name: db } }
endpoints: [{ addresses: [10.244.1.6] }]
`,
);

async function serve(values: DnsValues) {
  const lines: string[] = [];
  const dns = await serveDns(values, end.signal, (line) => lines.push(line));
  const [port = 0] = dns.ports.values();
  const addresses = async (name: string) => {
    const { rcode, answers } = await askPort(port, name);
    return rcode === 'NOERROR' ? answers.sort() : rcode;
  };
  return { addresses, lines };
}

test('a file of objects, without a Corefile', async () => {
  const { addresses, lines } = await serve({ objects, listen: '127.0.0.1:0', pods: 'insecure' });
  expect(await addresses('web.default.svc.cluster.local.')).toEqual(['10.96.0.10']);
  expect(await addresses('db.data.svc.cluster.local.')).toEqual(['10.244.1.5', '10.244.1.6']);
  expect(await addresses('10-244-1-5.data.pod.cluster.local.')).toEqual(['10.244.1.5']);
  expect(await addresses('none.default.svc.cluster.local.')).toBe('NXDOMAIN');
  expect(lines).toEqual([]);
});

test('a file of objects, with a Corefile', async () => {
  const corefile = file('Corefile', '.:0 {\n  bind 127.0.0.1\n  kubernetes example.org\n}\n');
  const { addresses } = await serve({ objects, corefile });
  expect(await addresses('web.default.svc.example.org.')).toEqual(['10.96.0.10']);
});

test('a file with nothing to serve is said', async () => {
  const empty = file('empty.yaml', '# nothing\n');
  expect((await serve({ objects: empty, listen: '127.0.0.1:0' })).lines).toEqual([
    `${empty} has no Namespace, Service, EndpointSlice, Pod: every name is NXDOMAIN`,
  ]);
});

const listen = '127.0.0.1:0';
const bad = file('bad.yaml', 'kind: Service\nmetadata: { name: web }\nspec: { clusterIP: 10.96.0 }\n');
const nameless = file('nameless.yaml', 'kind: Pod\n');
const broken = file('broken.yaml', 'kind: [\n');
const corefile = file('Corefile.bad', '.:0 {\n  nonsense\n}\n');

test.each<[DnsValues, string]>([
  [{}, 'exactly one of --objects FILE and --kubeconfig FILE'],
  [{ objects, kubeconfig: 'x' }, 'exactly one of --objects FILE and --kubeconfig FILE'],
  [{ objects: '/none' }, 'cannot read /none: no such file or directory'],
  [{ objects: broken, listen }, `${broken}: document 1, line`],
  [{ objects: bad, listen }, `${bad}: Service "default/web": spec.clusterIP: `],
  [{ objects: nameless, listen }, `${nameless}: Pod number 1: metadata.name: Required value`],
  [{ objects, corefile: '/none' }, 'cannot read /none: no such file or directory'],
  [{ objects, corefile }, `${corefile}:2`],
  [{ objects, corefile, pods: 'insecure' }, '--pods: invalid value "insecure": with --corefile, say it in'],
  [{ objects, listen: 'localhost:53' }, '--listen: invalid value "localhost:53": an address and a port'],
  [{ objects, listen: '127.0.0.1:65536' }, '--listen: invalid value "127.0.0.1:65536"'],
  [{ objects, pods: 'all' }, '--pods: invalid value "all": one of disabled, insecure, verified'],
  [{ kubeconfig: '/none' }, '/none'],
])('%j is an error', async (values, message) => {
  await expect(serveDns(values, end.signal, () => {})).rejects.toThrow(message);
});
