import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigMap, Deployment, ManagedFieldsEntry } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { configMap, deployment, entriesOf, sendTo } from '../testing/fields.ts';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

const send = <T>(method: string, path: string, body: unknown, type?: string, agent?: string) =>
  sendTo<T>(server.socket, method, path, body, type, agent);

const maps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';

const apply = <T>(path: string, body: unknown, query = 'fieldManager=applier') =>
  send<T>('PATCH', `${path}?${query}`, body, 'application/apply-patch+yaml');

const fieldsIn = (entry: ManagedFieldsEntry | undefined, element: string): object =>
  (entry?.fieldsV1 as Record<string, object> | undefined)?.[element] ?? {};

describe('managed fields of updates', () => {
  it('belong to the client that creates, under its own name or the one it says', async () => {
    const { body } = await send<ConfigMap>('POST', maps, configMap('made', { a: '1' }));
    expect(entriesOf(body)).toEqual([
      {
        manager: 'tester',
        operation: 'Update',
        apiVersion: 'v1',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { '.': {}, 'f:a': {} } },
      },
    ]);
    const named = await send<ConfigMap>(
      'POST',
      `${maps}?fieldManager=somebody`,
      configMap('named', { a: '1' }),
    );
    expect(entriesOf(named.body)[0]?.manager).toBe('somebody');
  });

  it('of a Deployment are those that kube-apiserver shows', async () => {
    const { body } = await send<Deployment>(
      'POST',
      `${deployments}?fieldManager=kubectl-create`,
      deployment('web'),
    );
    expect(entriesOf(body)[0]?.fieldsV1).toEqual({
      'f:spec': {
        'f:progressDeadlineSeconds': {},
        'f:replicas': {},
        'f:revisionHistoryLimit': {},
        'f:selector': {},
        'f:strategy': {
          'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} },
          'f:type': {},
        },
        'f:template': {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': {
            'f:containers': {
              'k:{"name":"c"}': {
                '.': {},
                'f:image': {},
                'f:imagePullPolicy': {},
                'f:name': {},
                'f:ports': {
                  '.': {},
                  'k:{"containerPort":80,"protocol":"TCP"}': {
                    '.': {},
                    'f:containerPort': {},
                    'f:protocol': {},
                  },
                },
                'f:resources': {},
                'f:terminationMessagePath': {},
                'f:terminationMessagePolicy': {},
              },
            },
            'f:dnsPolicy': {},
            'f:restartPolicy': {},
            'f:schedulerName': {},
            'f:securityContext': {},
            'f:terminationGracePeriodSeconds': {},
          },
        },
      },
    });
    expect(Object.keys(fieldsIn(entriesOf(body)[0], 'f:spec'))).toEqual([
      'f:progressDeadlineSeconds',
      'f:replicas',
      'f:revisionHistoryLimit',
      'f:selector',
      'f:strategy',
      'f:template',
    ]);
  });

  it('go over to whoever changes them; status and scale are told apart', async () => {
    await send('POST', `${deployments}?fieldManager=a`, deployment('shared', { replicas: 1 }));
    const path = `${deployments}/shared`;
    await send('PATCH', `${path}?fieldManager=b`, { spec: { paused: true } }, 'application/merge-patch+json');
    const status = { status: { replicas: 1, observedGeneration: 1 } };
    await send('PATCH', `${path}/status?fieldManager=c`, status, 'application/merge-patch+json');
    await send(
      'PATCH',
      `${path}/scale?fieldManager=d`,
      { spec: { replicas: 3 } },
      'application/merge-patch+json',
    );
    const { body } = await send<Deployment>('GET', path, '');
    const entries = entriesOf(body);
    expect(entries.map(({ manager, subresource }) => [manager, subresource])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['c', 'status'],
      ['d', 'scale'],
    ]);
    expect(entries[1]?.fieldsV1).toEqual({ 'f:spec': { 'f:paused': {} } });
    expect(entries[2]?.fieldsV1).toEqual({ 'f:status': { 'f:observedGeneration': {}, 'f:replicas': {} } });
    expect(entries[3]?.fieldsV1).toEqual({ 'f:spec': { 'f:replicas': {} } });
    expect(JSON.stringify(entries[0])).not.toContain('f:replicas');
  });

  it('are kept by a write that changes nothing, and by clients that do not know of them', async () => {
    const { body } = await send<ConfigMap>('POST', maps, configMap('kept', { a: '1' }));
    const { managedFields: _, ...metadata } = body.metadata ?? {};
    const again = await send<ConfigMap>(
      'PUT',
      `${maps}/kept`,
      { ...body, metadata },
      'application/json',
      'x/1',
    );
    expect(again.body.metadata).toEqual(body.metadata);
  });

  it('are forgotten on request', async () => {
    const { body } = await send<ConfigMap>('POST', maps, configMap('forgotten', { a: '1' }));
    for (const managedFields of [[], [{}]]) {
      const reset = { ...body, metadata: { name: 'forgotten', managedFields } };
      const { body: after } = await send<ConfigMap>('PUT', `${maps}/forgotten`, reset);
      expect(after.metadata?.managedFields).toBeUndefined();
    }
    const later = await send<ConfigMap>(
      'PATCH',
      `${maps}/forgotten`,
      { data: { b: '2' } },
      'application/merge-patch+json',
    );
    expect(later.body.metadata?.managedFields).toBeUndefined();
    const { body: applied } = await apply<ConfigMap>(`${maps}/forgotten`, configMap('forgotten', { c: '3' }));
    expect(entriesOf(applied).map(({ manager }) => manager)).toEqual(['applier', 'before-first-apply']);
  });

  it('joins the oldest of more than ten', async () => {
    await send('POST', `${maps}?fieldManager=m00`, configMap('many', { k00: '' }));
    for (let i = 1; i < 13; i++) {
      const n = String(i).padStart(2, '0');
      await send(
        'PATCH',
        `${maps}/many?fieldManager=m${n}`,
        { data: { [`k${n}`]: '' } },
        'application/merge-patch+json',
      );
    }
    const { body } = await send<ConfigMap>('GET', `${maps}/many`, '');
    const entries = entriesOf(body);
    expect(entries).toHaveLength(10);
    const ancient = entries.find(({ manager }) => manager === 'ancient-changes');
    expect(Object.keys(fieldsIn(ancient, 'f:data')).length).toBeGreaterThanOrEqual(3);
  });
});
