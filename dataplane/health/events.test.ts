import { beforeEach, expect, test } from 'vitest';
import type { Client } from '../../api/client.ts';
import type { KubeObject } from '../../api/object.ts';
import { createMemoryApi } from '../testing/client.ts';
import { createHealthCheckEvents } from './events.ts';

const created: KubeObject[] = [];
let refused: Error | undefined;
const errors: unknown[] = [];
const client: Client = {
  ...createMemoryApi().client,
  async create(_, object) {
    if (refused) throw refused;
    created.push(object);
    return object;
  },
};
beforeEach(() => {
  created.length = 0;
  errors.length = 0;
  refused = undefined;
});

const why = 'listen tcp :32100: bind: address already in use';
const events = () => createHealthCheckEvents(client, 'worker', (error) => errors.push(error));

test('an Event in kube-proxy’s words', async () => {
  await events().failed('ns/web', 32100, why);
  expect(created).toEqual([
    {
      metadata: { name: expect.stringMatching(/^web\.[0-9a-f]{16}$/), namespace: 'ns' },
      involvedObject: { kind: 'Service', namespace: 'ns', name: 'web', uid: 'ns/web' },
      type: 'Warning',
      reason: 'FailedToStartServiceHealthcheck',
      action: 'Listen',
      message: `node worker failed to start healthcheck "ns/web" on port 32100: ${why}`,
      eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      reportingComponent: 'kube-proxy',
      reportingInstance: 'kube-proxy-worker',
    },
  ]);
});

test('the same failure is told once, until the port was open in between', async () => {
  const told = events();
  for (let attempt = 0; attempt < 3; attempt++) await told.failed('ns/web', 32100, why);
  expect(created).toHaveLength(1);
  await told.failed('ns/other', 32101, why);
  told.opened('ns/web');
  await told.failed('ns/web', 32100, why);
  expect(created).toHaveLength(3);
});

test('an API that cannot be reached is told of, and asked again', async () => {
  const told = events();
  refused = new Error('connect ECONNREFUSED');
  await told.failed('ns/web', 32100, why);
  expect(errors).toEqual([refused]);
  refused = undefined;
  await told.failed('ns/web', 32100, why);
  expect(created).toHaveLength(1);
});
