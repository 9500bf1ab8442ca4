import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'v9s-render-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** As people write them: no defaults filled in, other kinds among them. */
const yaml = `
apiVersion: v1
kind: Service
metadata: { name: hostnames }
spec:
  clusterIP: 10.96.0.10
  ports: [{ name: default, port: 80, nodePort: 30080 }]
  type: NodePort
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: hostnames }
---
# nothing here
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { generateName: hostnames-, labels: { kubernetes.io/service-name: hostnames } }
addressType: IPv4
ports: [{ name: default, port: 9376 }]
endpoints: [{ addresses: [10.244.1.5] }, { addresses: [10.244.1.6] }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { generateName: hostnames-, labels: { kubernetes.io/service-name: hostnames } }
addressType: IPv4
ports: [{ name: default, port: 9376 }]
endpoints: [{ addresses: [10.244.1.7] }]
---
apiVersion: v1
kind: Node
metadata: { name: worker }
status: { addresses: [{ type: InternalIP, address: 172.18.0.3 }] }
`;

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const objects = file('objects.yaml', yaml);

/** Runs `v9s`; `main` is the whole command line, `start` takes the short way where it can. */
function v9s(args: string[], { entry = 'start', input = '' } = {}) {
  const program = fileURLToPath(new URL(`${entry}.ts`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    input,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('objects without defaults give the rules of the article', () => {
  const { status, stdout, stderr } = v9s(['render', '-f', objects, '--node', 'worker', '--mode', 'iptables']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain(
    '-A KUBE-SVC-ODX2UBAZM7RQWOIU -m comment --comment "default/hostnames:default -> 10.244.1.5:9376" -m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-LZSOAAIF344LOQYR\n',
  );
  expect(stdout).toMatch(/^\*filter\n.*\nCOMMIT\n\*nat\n.*\nCOMMIT\n$/s);
});

test.each([
  [['-f', objects, '--node', 'worker']],
  [['--filename', objects, '--node=other', '--family', 'IPv6', '--node-ip', '172.18.0.9,fd00::9']],
  [['-f', objects, '--node', 'worker', '--emulated-version=1.12']],
])('the short way and the whole command line print the same: %j', (args) => {
  expect(v9s(['render', ...args])).toEqual(v9s(['render', ...args], { entry: 'main' }));
});

test('standard input is read, and JSON', () => {
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'a' },
        spec: { clusterIP: '10.96.0.1', ports: [{ port: 53, protocol: 'UDP' }] },
      },
    ],
  };
  const { status, stdout } = v9s(['render', '-f', '-', '--node', 'worker'], { input: JSON.stringify(list) });
  expect(status).toBe(0);
  expect(stdout).toContain(
    '-A KUBE-SERVICES -d 10.96.0.1/32 -p udp -m comment --comment "default/a has no endpoints" -m udp --dport 53 -j REJECT --reject-with icmp-port-unreachable\n',
  );
});

test('a node that the file does not have is rendered without its addresses, and that is said', () => {
  const { status, stdout, stderr } = v9s(['render', '-f', objects, '--node', 'wroker']);
  expect(status).toBe(0);
  expect(stderr).toMatch(
    /has no Node "wroker", only worker; its labels and addresses are taken as unknown$/m,
  );
  expect(stdout).toContain('--dst-type LOCAL -j KUBE-NODEPORTS\n');
});

test('a Service that the API has not seen yet has no rules, and that is said', () => {
  const { status, stderr } = v9s(['render', '-f', '-', '--node', 'a'], {
    input: 'kind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: 80 }] }\n',
  });
  expect(status).toBe(0);
  expect(stderr).toBe(
    'v9s: Service default/a has no clusterIP, which the API gives it, so it has no rules\n',
  );
});

describe('an error is one line that names the culprit', () => {
  const configuration = file('proxy.yaml', 'kind: KubeProxyConfiguration\nclusterCidr: 10.0.0.0/8\n');
  const broken = file('broken.yaml', 'kind: Service\nmetadata:\n  name: [\n');
  test.each([
    [
      'an unreadable file',
      ['-f', '/nonexistent', '--node', 'a'],
      1,
      'cannot read /nonexistent: no such file or directory',
    ],
    ['a folder', ['-f', folder, '--node', 'a'], 1, `cannot read ${folder}: illegal operation on a directory`],
    ['malformed YAML', ['-f', broken, '--node', 'a'], 1, `${broken}: document 1, line `],
    [
      'an unknown field',
      ['-f', objects, '--config', configuration, '--node', 'a'],
      1,
      'unknown field "clusterCidr"',
    ],
    ['no node', ['-f', objects], 2, "required option '--node <name>' not specified"],
    [
      'an address that is none',
      ['-f', objects, '--node', 'a', '--node-ip', '172.18.0.300'],
      2,
      '"172.18.0.300" is not an IP address',
    ],
    [
      'another mode',
      ['-f', objects, '--node', 'a', '--mode', 'userspace'],
      2,
      "argument 'userspace' is invalid",
    ],
    ['another option', ['-f', objects, '--node', 'a', '--nodes', '2'], 2, "unknown option '--nodes'"],
  ])('%s', (_, args, status, message) => {
    const result = v9s(['render', ...args]);
    expect(result.stderr).toContain(message);
    expect(result).toMatchObject({ status, stdout: '' });
  });
});

test('a reader that has had enough is no failure', () => {
  const script = 'set -o pipefail; "$0" "$1" render -f "$2" --node worker | head -1';
  const program = fileURLToPath(new URL('start.ts', import.meta.url));
  const args = ['-c', script, process.execPath, program, objects];
  const { status, stdout, stderr } = spawnSync('bash', args, { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '*filter\n', stderr: '' });
});
