import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment, ManagedFieldsEntry, Scale, Status } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../testing/apiserver.ts';
import { deployment, sendTo } from '../testing/fields.ts';
import { entriesAfterScale, entriesOfScale } from './scale.ts';

type Kind = 'deployments' | 'statefulsets' | 'replicasets' | 'replicationcontrollers';

let server: TestApiserver;
beforeAll(async () => {
  server = await startTestApiserver();
});
afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.stop();
});

const merge = 'application/merge-patch+json';
const apply = 'application/apply-patch+yaml';
const scale = (replicas: number) => ({
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  metadata: { name: 'scaled', namespace: 'default' },
  spec: { replicas },
});

function objectOf(kind: Kind, replicas: number): object {
  const { apiVersion, metadata, spec } = deployment('scaled', { replicas });
  if (kind !== 'replicationcontrollers') {
    const names = { deployments: 'Deployment', statefulsets: 'StatefulSet', replicasets: 'ReplicaSet' };
    return { apiVersion, kind: names[kind], metadata, spec };
  }
  const { selector, ...rest } = spec;
  const kept = { ...rest, selector: selector.matchLabels };
  return { apiVersion: 'v1', kind: 'ReplicationController', metadata, spec: kept };
}

/** Upstream: `test/integration/apiserver/apply/scale_test.go` `TestScaleAllResources`. */
describe.each<Kind>(['deployments', 'statefulsets', 'replicasets', 'replicationcontrollers'])(
  'scale of %s',
  (kind) => {
    const root = kind === 'replicationcontrollers' ? '/api/v1' : '/apis/apps/v1';
    const path = `${root}/namespaces/default/${kind}/scaled`;
    const send = <T>(manager: string, part: string, body: object, method = 'PATCH', type = apply) =>
      sendTo<T>(server.socket, method, `${path}${part}fieldManager=${manager}`, body, type);

    async function ownersOfReplicas(): Promise<{ replicas: number | undefined; owners: string[] }> {
      const { body } = await sendTo<Deployment>(server.socket, 'GET', path, '');
      const entries: ManagedFieldsEntry[] = body.metadata?.managedFields ?? [];
      const owning = entries.filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes('"f:replicas"'));
      const owners = owning.map(({ manager, operation, apiVersion, subresource }) =>
        [manager, operation, apiVersion, subresource].join(' ').trim(),
      );
      return { replicas: body.spec?.replicas, owners };
    }

    it('goes from hand to hand', async () => {
      const version = root.replace(/^\/apis?\//, '');
      const object = objectOf(kind, 1);
      expect((await send('apply_test', '?', object)).code).toBe(201);
      expect(await ownersOfReplicas()).toEqual({ replicas: 1, owners: [`apply_test Apply ${version}`] });
      await send('scale_test', '/scale?', { spec: { replicas: 5 } }, 'PATCH', merge);
      expect(await ownersOfReplicas()).toEqual({
        replicas: 5,
        owners: [`scale_test Update ${version} scale`],
      });
      const refused = await send<Status>('apply_test', '?', object);
      expect([refused.code, refused.body.message]).toEqual([
        409,
        `Apply failed with 1 conflict: conflict with "scale_test" with subresource "scale" using ${version}: .spec.replicas`,
      ]);
      expect((await send('apply_test', '?force=true&', object)).code).toBe(200);
      expect(await ownersOfReplicas()).toEqual({ replicas: 1, owners: [`apply_test Apply ${version}`] });

      const conflict = await send<Status>('apply_scale', '/scale?', scale(17));
      expect([conflict.code, conflict.body.message]).toEqual([
        409,
        'Apply failed with 1 conflict: conflict with "apply_test": .spec.replicas',
      ]);
      const forced = await send<Scale>('apply_scale', '/scale?force=true&', scale(17));
      expect([forced.code, forced.body.spec?.replicas]).toEqual([200, 17]);
      expect(await ownersOfReplicas()).toEqual({
        replicas: 17,
        owners: [`apply_scale Apply ${version} scale`],
      });

      await send('replace_test', '/scale?', scale(7), 'PUT', 'application/json');
      const replaced = `replace_test Update ${version} scale`;
      expect(await ownersOfReplicas()).toEqual({ replicas: 7, owners: [replaced] });
      expect((await send('co_owner', '/scale?', scale(7))).code).toBe(200);
      const both = { replicas: 7, owners: [`co_owner Apply ${version} scale`, replaced] };
      expect(await ownersOfReplicas()).toEqual(both);
      await send('status_only', '/scale?', { status: { replicas: 42 } }, 'PATCH', merge);
      expect(await ownersOfReplicas()).toEqual(both);
    });

    it('is not made by an apply', async () => {
      const none = path.replace(/scaled$/, 'none');
      const { code } = await sendTo<Status>(
        server.socket,
        'PATCH',
        `${none}/scale?fieldManager=a`,
        scale(1),
        apply,
      );
      expect(code).toBe(404);
    });
  },
);

/** Upstream: apimachinery `pkg/util/managedfields/scalehandler_test.go`. */
describe('entries of a scaled object and of its Scale', () => {
  type Said = readonly [
    manager: string,
    operation: string,
    version: string,
    fields: string,
    subresource?: string,
  ];
  const entries = (said: readonly Said[]): ManagedFieldsEntry[] =>
    said.map(([manager, operation, apiVersion, fields, subresource]) => ({
      ...{ manager, operation, apiVersion, fieldsType: 'FieldsV1', fieldsV1: fieldsOf(fields) },
      ...(subresource ? { subresource } : {}),
    }));
  /** `replicas,selector` are fields of the spec. */
  const fieldsOf = (names: string) => ({
    'f:spec': Object.fromEntries(names.split(',').map((name) => [`f:${name}`, {}])),
  });
  const versions: Record<string, readonly string[] | null> = {
    'apps/v1': ['f:spec', 'f:replicas'],
    'apps/v2': ['f:spec', 'f:count'],
    'apps/v3': null,
  };
  const pathIn = (version: string) => versions[version];

  it.each<[string, readonly Said[], readonly Said[]]>([
    ['nobody owns them', [['t', 'Apply', 'apps/v1', 'selector']], []],
    [
      'who applies',
      [['t', 'Apply', 'apps/v1', 'replicas,selector']],
      [['t', 'Apply', 'autoscaling/v1', 'replicas']],
    ],
    [
      'who updates',
      [['t', 'Update', 'apps/v1', 'replicas']],
      [['t', 'Update', 'autoscaling/v1', 'replicas']],
    ],
    ['another path', [['t', 'Apply', 'apps/v2', 'count']], [['t', 'Apply', 'autoscaling/v1', 'replicas']]],
    [
      'of the Scale itself',
      [['t', 'Update', 'apps/v1', 'replicas', 'scale']],
      [['t', 'Update', 'autoscaling/v1', 'replicas', 'scale']],
    ],
    [
      'no path, unknown version',
      [
        ['t', 'Apply', 'apps/v3', 'replicas'],
        ['u', 'Apply', 'apps/v9', 'replicas'],
      ],
      [],
    ],
  ])('to the Scale: %s', (_what, parent, expected) => {
    expect(entriesOfScale(entries(parent), pathIn) ?? []).toEqual(entries(expected));
  });

  it.each<[string, readonly Said[], readonly Said[], readonly Said[]]>([
    [
      'another manager takes them',
      [['t', 'Apply', 'apps/v1', 'replicas,selector']],
      [['s', 'Apply', 'autoscaling/v1', 'replicas', 'scale']],
      [
        ['s', 'Apply', 'apps/v1', 'replicas', 'scale'],
        ['t', 'Apply', 'apps/v1', 'selector'],
      ],
    ],
    [
      'the same manager takes them in another way',
      [['t', 'Update', 'apps/v1', 'replicas,selector']],
      [['t', 'Apply', 'autoscaling/v1', 'replicas', 'scale']],
      [
        ['t', 'Apply', 'apps/v1', 'replicas', 'scale'],
        ['t', 'Update', 'apps/v1', 'selector'],
      ],
    ],
    [
      'both own them',
      [['t', 'Update', 'apps/v1', 'replicas,selector']],
      [
        ['t', 'Update', 'autoscaling/v1', 'replicas'],
        ['t', 'Apply', 'autoscaling/v1', 'replicas', 'scale'],
      ],
      [
        ['t', 'Apply', 'apps/v1', 'replicas', 'scale'],
        ['t', 'Update', 'apps/v1', 'replicas,selector'],
      ],
    ],
    [
      'who had nothing else is gone',
      [['t', 'Apply', 'apps/v1', 'replicas']],
      [['s', 'Update', 'autoscaling/v1', 'replicas', 'scale']],
      [['s', 'Update', 'apps/v1', 'replicas', 'scale']],
    ],
    [
      'what else a Scale has does not count',
      [['t', 'Apply', 'apps/v1', 'selector']],
      [['s', 'Update', 'autoscaling/v1', 'paused', 'scale']],
      [['t', 'Apply', 'apps/v1', 'selector']],
    ],
    [
      'each version has a path of its own; unknown ones go, those without stay',
      [
        ['a', 'Apply', 'apps/v1', 'replicas,selector'],
        ['b', 'Apply', 'apps/v2', 'count,selector'],
        ['c', 'Apply', 'apps/v3', 'replicas'],
        ['d', 'Apply', 'apps/v9', 'selector'],
      ],
      [['s', 'Update', 'autoscaling/v1', 'replicas', 'scale']],
      [
        ['a', 'Apply', 'apps/v1', 'selector'],
        ['b', 'Apply', 'apps/v2', 'selector'],
        ['c', 'Apply', 'apps/v3', 'replicas'],
        ['s', 'Update', 'apps/v1', 'replicas', 'scale'],
      ],
    ],
  ])('from the Scale: %s', (_what, parent, scaled, expected) => {
    expect(entriesAfterScale(entries(parent), entries(scaled), pathIn, 'apps/v1')).toEqual(entries(expected));
  });
});
