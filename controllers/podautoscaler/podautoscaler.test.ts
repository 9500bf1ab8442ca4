import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../../api/client.ts';
import { resources } from '../../api/scheme.ts';
import { startTestControlPlane, type TestControlPlane } from '../testing/control-plane.ts';
import { until } from '../testing/until.ts';

let plane: TestControlPlane;
let client: Client;

beforeAll(async () => {
  plane = await startTestControlPlane({ rolesDelayMs: 0, podAutoscalerSyncMs: 50 });
  client = plane.client;
});
afterAll(async () => {
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

const namespace = 'default';
const name = 'web';
const labels = { app: name };

const create = (kind: string, metricName: string) =>
  client.create(resources.horizontalpodautoscalers, {
    metadata: { name: kind.toLowerCase(), namespace },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind, name },
      minReplicas: 1,
      maxReplicas: 2,
      metrics: [
        {
          type: 'Resource',
          resource: { name: metricName, target: { type: 'Utilization', averageUtilization: 50 } },
        },
      ],
    },
  });

const conditionOf = async (autoscaler: string, type: string, reason: string) => {
  const all = await until(client, resources.horizontalpodautoscalers, namespace, (found) =>
    found.some(
      ({ metadata, status }) =>
        metadata?.name === autoscaler &&
        status?.conditions?.some((one) => one.type === type && one.reason === reason),
    ),
  );
  const one = all.find(({ metadata }) => metadata?.name === autoscaler);
  return one?.status?.conditions?.find((condition) => condition.type === type);
};

test('more than the maximum go, and what cannot be measured is told', async () => {
  await client.create(resources.deployments, {
    metadata: { name, namespace },
    spec: {
      replicas: 4,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'nginx' }] } },
    },
  });
  await create('Deployment', 'cpu');
  await until(client, resources.deployments, namespace, ([one]) => one?.spec?.replicas === 2);
  const events = await until(client, resources.events, namespace, (found) =>
    found.some(({ reason }) => reason === 'SuccessfulRescale'),
  );
  expect(events.find(({ reason }) => reason === 'SuccessfulRescale')?.message).toBe(
    'New size: 2; reason: Current number of replicas above Spec.MaxReplicas',
  );
  expect(await conditionOf('deployment', 'ScalingActive', 'FailedGetResourceMetric')).toMatchObject({
    status: 'False',
    message:
      'the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: ' +
      'unable to fetch metrics from resource metrics API: the server could not find the requested resource',
  });
});

test('a target that is not there', async () => {
  await create('StatefulSet', 'cpu');
  expect(await conditionOf('statefulset', 'AbleToScale', 'FailedGetScale')).toMatchObject({
    status: 'False',
    message:
      'the HPA controller was unable to get the target\'s current scale: statefulsets.apps "web" not found',
  });
  await create('Nothing', 'cpu');
  expect(await conditionOf('nothing', 'AbleToScale', 'FailedGetScale')).toMatchObject({
    message:
      'the HPA controller was unable to get the target\'s current scale: no matches for kind "Nothing" in group "apps"',
  });
});
