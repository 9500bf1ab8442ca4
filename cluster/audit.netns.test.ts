import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resources } from '../api/scheme.ts';
import { startCluster } from './cluster.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'v9s-audit-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  resources: [{ resources: [configmaps] }]
  namespaces: [default]
`;

it('is written by a cluster that is told to, and by none that is not', async () => {
  const auditPolicyFile = join(folder, 'policy.yaml');
  const auditLogPath = join(folder, 'audit.log');
  writeFileSync(auditPolicyFile, policy);
  const cluster = await startCluster({ nodes: 1, clusterDns: 'none', auditPolicyFile, auditLogPath });
  try {
    await cluster.client.create(resources.configmaps, {
      metadata: { name: 'a', namespace: 'default' },
      data: { k: 'v' },
    });
    const events = () =>
      readFileSync(auditLogPath, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    await expect
      .poll(() => events().find(({ user }) => user.username === 'kubernetes-admin'))
      .toMatchObject({
        user: { username: 'kubernetes-admin' },
        objectRef: { resource: 'configmaps', name: 'a' },
        requestObject: { data: { k: 'v' } },
      });
  } finally {
    await cluster.stop();
  }
  writeFileSync(auditPolicyFile, policy.replace('Request\n', 'All\n'));
  await expect(startCluster({ auditPolicyFile })).rejects.toThrow(
    'rules[0].level: Invalid value: "All": must be one of None, Metadata, Request, RequestResponse',
  );
});
