import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import type { Pod } from '../../api/types.ts';
import { startTestControlPlane, type TestControlPlane } from '../testing/control-plane.ts';
import { readyNode, registerNode, startFakeAgents } from '../testing/fake-nodes.ts';
import { until } from '../testing/until.ts';

let plane: TestControlPlane;
let client: Client;

beforeAll(async () => {
  plane = await startTestControlPlane({ clusterCidrs: [], rolesDelayMs: 0 });
  client = plane.client;
  startFakeAgents(plane, plane.signal);
  await registerNode(client, readyNode('worker'));
});
afterAll(async () => {
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

const namespace = 'default';
const create = (name: string, cpu: string, priorityClassName?: string) =>
  client.create(resources.pods, {
    metadata: { name, namespace },
    spec: {
      ...(priorityClassName ? { priorityClassName } : {}),
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'c', image: 'pause', resources: { requests: { cpu } } }],
    },
  });
const named = (pods: readonly Pod[], name: string) => pods.find(({ metadata }) => metadata?.name === name);

test('an important pod takes the place of others, which are told why', async () => {
  await client.create(resources.priorityclasses, { metadata: { name: 'high' }, value: 1000 });
  await create('stays', '1');
  await create('goes', '3');
  await until(client, resources.pods, namespace, (all) => all.every(({ spec }) => spec?.nodeName));
  const goes = await client.get(resources.pods, { name: 'goes', namespace });
  await create('high', '3', 'high');
  const all = await until(client, resources.pods, namespace, (pods) =>
    Boolean(named(pods, 'high')?.spec?.nodeName),
  );
  expect(all.map(({ metadata }) => metadata?.name).sort()).toEqual(['high', 'stays']);
  expect(named(all, 'high')?.status?.nominatedNodeName).toBe('worker');
  const high = named(all, 'high')?.metadata?.uid;
  const events = await until(client, resources.events, namespace, (found) =>
    found.some(({ reason }) => reason === 'Preempted'),
  );
  const told = events.find(({ reason }) => reason === 'Preempted');
  expect(told?.message).toBe(`Preempted by pod ${high} on node worker`);
  expect(told?.involvedObject.uid).toBe(goes.metadata?.uid);
  const failed = events.find(({ reason }) => reason === 'FailedScheduling');
  expect(failed?.message).toBe('0/1 nodes are available: 1 Insufficient cpu.');
});

test('the claims of volumes that live as long as their pod are made, and go with it', async () => {
  const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  await client.create(resources.pods, {
    metadata: { name: 'scratch', namespace },
    spec: {
      containers: [{ name: 'c', image: 'pause', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
      volumes: [
        {
          name: 'data',
          ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec: claim } },
        },
      ],
    },
  });
  const [made] = await until(client, resources.persistentvolumeclaims, namespace, (all) => all.length === 1);
  expect(made?.metadata).toMatchObject({
    name: 'scratch-data',
    labels: { a: 'b' },
    ownerReferences: [{ kind: 'Pod', name: 'scratch', controller: true, blockOwnerDeletion: true }],
  });
  await client.delete(resources.pods, { name: 'scratch', namespace }, { gracePeriodSeconds: 0 });
  await until(client, resources.persistentvolumeclaims, namespace, (all) =>
    all.every(({ metadata }) => metadata?.deletionTimestamp),
  );
});
