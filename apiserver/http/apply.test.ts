import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Service,
  Status,
  V2HorizontalPodAutoscaler,
} from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { type Answer, configMap, deployment, entriesOf, sendTo } from '../testing/fields.ts';

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

describe('apply', () => {
  it('creates what is not there, with defaults that nobody owns', async () => {
    const { code, body } = await apply<Deployment>(
      `${deployments}/fresh`,
      deployment('fresh', { replicas: 2 }),
    );
    expect(code).toBe(201);
    expect(body.spec).toMatchObject({ replicas: 2, progressDeadlineSeconds: 600 });
    expect(body.metadata?.generation).toBe(1);
    expect(entriesOf(body)).toHaveLength(1);
    expect(entriesOf(body)[0]).toMatchObject({
      manager: 'applier',
      operation: 'Apply',
      apiVersion: 'apps/v1',
    });
    expect(JSON.stringify(entriesOf(body)[0])).not.toContain('progressDeadline');
  });

  it('takes YAML, and changes nothing when nothing changes', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: quiet\ndata:\n  a: "1"\n';
    const { code, body } = await apply<ConfigMap>(`${maps}/quiet`, yaml);
    expect(code).toBe(201);
    const again = await apply<ConfigMap>(`${maps}/quiet`, yaml);
    expect(again).toEqual({ code: 200, body });
    const big = deployment('quiet');
    const first = await apply<Deployment>(`${deployments}/quiet`, big);
    const second = await apply<Deployment>(`${deployments}/quiet`, big);
    expect(second.body).toEqual(first.body);
  });

  it('removes what it no longer says, unless somebody else owns it', async () => {
    await apply(`${maps}/less`, configMap('less', { a: '1', b: '2', c: '3' }));
    await apply(`${maps}/less`, configMap('less', { b: '2' }), 'fieldManager=other');
    await send('PATCH', `${maps}/less`, { data: { d: '4' } }, 'application/merge-patch+json');
    const { body } = await apply<ConfigMap>(`${maps}/less`, configMap('less', { a: '1' }));
    expect(body.data).toEqual({ a: '1', b: '2', d: '4' });
  });

  it('conflicts with what others own, in upstream’s words, unless forced', async () => {
    await send('POST', `${deployments}?fieldManager=kubectl`, deployment('fought', { replicas: 1 }));
    const wanted = deployment('fought', { replicas: 5 });
    const { code, body } = await apply<Status>(`${deployments}/fought`, wanted);
    expect(code).toBe(409);
    expect(body).toMatchObject({
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "kubectl" using apps/v1',
            field: '.spec.replicas',
          },
        ],
      },
    });
    const forced = await apply<Deployment>(
      `${deployments}/fought`,
      wanted,
      'fieldManager=applier&force=true',
    );
    expect(forced.body.spec?.replicas).toBe(5);
    expect(forced.body.metadata?.generation).toBe(2);
    const [, update] = entriesOf(forced.body);
    expect(JSON.stringify(update)).not.toContain('f:replicas');
    const two = deployment('fought', { replicas: 6, paused: true, minReadySeconds: 3 });
    await apply(`${deployments}/fought`, two, 'fieldManager=zoe&force=1');
    const both = await apply<Status>(
      `${deployments}/fought`,
      deployment('fought', { replicas: 7, paused: false }),
    );
    expect(both.body.message).toBe(
      'Apply failed with 2 conflicts: conflicts with "zoe":\n- .spec.paused\n- .spec.replicas',
    );
  });

  it('keeps items of lists by their keys', async () => {
    const container = (name: string, image = 'i') => ({ name, image });
    const spec = (...containers: object[]) => ({
      selector: { matchLabels: { app: 'l' } },
      template: { metadata: { labels: { app: 'l' } }, spec: { containers } },
    });
    await apply(`${deployments}/listed`, deployment('listed', spec(container('a'), container('b'))));
    await apply(`${deployments}/listed`, deployment('listed', spec(container('c'))), 'fieldManager=other');
    const { body } = await apply<Deployment>(
      `${deployments}/listed`,
      deployment('listed', spec(container('b', 'new'))),
    );
    expect(body.spec?.template.spec?.containers.map(({ name, image }) => `${name}:${image}`)).toEqual([
      'b:new',
      'c:i',
    ]);
  });

  it('applies a status by its subresource, and ignores it elsewhere', async () => {
    await apply(`${deployments}/stated`, { ...deployment('stated'), status: { replicas: 9 } });
    const status = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'stated' },
      status: { replicas: 4 },
    };
    const { body } = await apply<Deployment>(
      `${deployments}/stated/status`,
      status,
      'fieldManager=controller',
    );
    expect(body.status).toEqual({ replicas: 4 });
    const entries = entriesOf(body);
    expect(entries.map(({ manager, subresource }) => [manager, subresource])).toEqual([
      ['applier', undefined],
      ['controller', 'status'],
    ]);
    expect(JSON.stringify(entries[0])).not.toContain('f:status');
    expect(entries[1]?.fieldsV1).toEqual({ 'f:status': { 'f:replicas': {} } });
  });

  it('stores nothing on a dry run', async () => {
    const { code, body } = await apply<ConfigMap>(
      `${maps}/dry`,
      configMap('dry', {}),
      'fieldManager=a&dryRun=All',
    );
    expect([code, body.metadata?.name]).toEqual([201, 'dry']);
    expect((await send('GET', `${maps}/dry`, '')).code).toBe(404);
  });

  it('takes over from kubectl apply what that applied and nobody changed', async () => {
    const last = JSON.stringify(configMap('migrated', { a: '1' }));
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': last };
    const old = configMap('migrated', { a: '1' });
    await send('POST', `${maps}?fieldManager=kubectl-client-side-apply`, {
      ...old,
      metadata: { ...old.metadata, annotations },
    });
    const next = configMap('migrated', { a: '2' });
    expect((await apply(`${maps}/migrated`, next)).code).toBe(409);
    const { code, body } = await apply<ConfigMap>(`${maps}/migrated`, next, 'fieldManager=kubectl');
    expect([code, body.data]).toEqual([200, { a: '2' }]);
    const after: unknown = JSON.parse(Object.values(body.metadata?.annotations ?? {})[0] ?? '');
    expect(after).toEqual(next);
  });

  it('takes a version whose fields are others than those of what is stored', async () => {
    const path = (version: string) =>
      `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers/scaled`;
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'scaled' };
    const config = {
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'scaled' },
      spec: { scaleTargetRef, maxReplicas: 3, targetCPUUtilizationPercentage: 50 },
    };
    const { code, body } = await apply<HorizontalPodAutoscaler>(path('v1'), config);
    expect([code, body.spec?.targetCPUUtilizationPercentage]).toEqual([201, 50]);
    expect((await apply(path('v1'), config)).body).toEqual(body);
    const { body: stored } = await send<V2HorizontalPodAutoscaler>('GET', path('v2'), '');
    expect(stored.spec?.metrics?.[0]?.resource?.target.averageUtilization).toBe(50);
  });

  it('counts the port of a Service by number and protocol', async () => {
    const path = '/api/v1/namespaces/default/services/web';
    const spec = { ports: [{ port: 80, targetPort: 8080 }], selector: { app: 'web' } };
    const config = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec };
    const { body } = await apply<Service>(path, config);
    expect(entriesOf(body)[0]?.fieldsV1).toEqual({
      'f:spec': {
        'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:targetPort': {} } },
        'f:selector': {},
      },
    });
  });

  it('refuses what it cannot take', async () => {
    const config = configMap('refused', {});
    const cases: [number, string, Promise<Answer<Status>>][] = [
      [
        422,
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
        apply(`${maps}/refused`, config, ''),
      ],
      [
        500,
        'failed to create typed patch object (default/refused; /v1, Kind=ConfigMap): .dta: field not declared in schema',
        apply(`${maps}/refused`, { ...config, dta: {} }),
      ],
      [400, 'invalid object type: /v1, Kind=Secret', apply(`${maps}/refused`, { ...config, kind: 'Secret' })],
      [
        400,
        'metadata.managedFields must be nil',
        apply(`${maps}/refused`, { ...config, metadata: { ...config.metadata, managedFields: [] } }),
      ],
      [
        422,
        'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
        send('PATCH', `${maps}/refused?force=true`, {}, 'application/merge-patch+json'),
      ],
      [
        415,
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml',
        send('PATCH', `${maps}/refused?fieldManager=a`, 'x', 'application/apply-patch+cbor'),
      ],
      [404, 'deployments.apps "none" not found', apply(`${deployments}/none/status`, deployment('none'))],
    ];
    for (const [code, message, answer] of cases) {
      const { code: got, body } = await answer;
      expect([got, body.message]).toEqual([code, message]);
    }
  });
});
