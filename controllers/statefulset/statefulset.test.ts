import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { startTestControlPlane, type TestControlPlane } from '../testing/control-plane.ts';
import { readyNode, registerNode, startFakeAgents } from '../testing/fake-nodes.ts';
import { until } from '../testing/until.ts';

let plane: TestControlPlane;
let client: Client;

beforeAll(async () => {
  plane = await startTestControlPlane({ clusterCidrs: [], rolesDelayMs: 0, otherKindsDelayMs: 0 });
  client = plane.client;
  startFakeAgents(plane, plane.signal);
  await registerNode(client, readyNode('worker'));
});
afterAll(async () => {
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

const namespace = 'default';
const labels = { app: 'db' };

test('claims go with pods that are not wanted any more, where the set says so', async () => {
  await client.create(resources.storageclasses, {
    metadata: { name: 'by-hand' },
    provisioner: 'example.com/none',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  await client.create(resources.statefulsets, {
    metadata: { name: 'db', namespace },
    spec: {
      serviceName: 'db',
      replicas: 2,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: labels },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'nginx' }] } },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            storageClassName: 'by-hand',
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '1Gi' } },
          },
        },
      ],
    },
  });
  await until(client, resources.persistentvolumeclaims, namespace, (all) => all.length === 2);
  const [set] = await until(
    client,
    resources.statefulsets,
    namespace,
    ([one]) => one?.status?.replicas === 2,
  );
  expect(set?.spec?.volumeClaimTemplates?.[0]?.metadata?.name).toBe('data');
  await client.patch(resources.statefulsets, { name: 'db', namespace }, 'merge', { spec: { replicas: 1 } });
  const left = await until(client, resources.persistentvolumeclaims, namespace, (all) =>
    all.every(({ metadata }) => metadata?.name === 'data-db-0' || metadata?.deletionTimestamp),
  );
  const kept = left.find(({ metadata }) => metadata?.name === 'data-db-0');
  expect(kept?.metadata?.ownerReferences).toBeUndefined();
});
