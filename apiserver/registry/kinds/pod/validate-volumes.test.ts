import { expect, test } from 'vitest';
import type { Volume } from '../../../../api/types.ts';
import { texts } from '../testing.ts';
import { validateVolumes } from './validate-volumes.ts';

const fieldRef = { apiVersion: 'v1', fieldPath: 'metadata.labels' };

/** Rows of upstream's `TestValidateVolumes`. */
test.each<[string, Omit<Volume, 'name'>, unknown[]]>([
  ['files of a Secret', { secret: { secretName: 's', items: [{ key: 'k', path: 'a/b', mode: 0o400 }] } }, []],
  ['a file that tells labels', { downwardAPI: { items: [{ path: 'labels', fieldRef }] } }, []],
  [
    'files that are none',
    {
      configMap: {
        name: 'c',
        defaultMode: 0o1000,
        items: [
          { key: '', path: '' },
          { key: 'k', path: '/etc' },
          { key: 'k', path: '../etc', mode: -1 },
          { key: 'k', path: '..etc' },
        ],
      },
    },
    [
      '.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
      '.items[0].key: Required value',
      '.items[0].path: Required value',
      '.items[1].path: Invalid value: "/etc": must be a relative path',
      `.items[2].path: Invalid value: "../etc": must not contain '..'`,
      '.items[2].mode: Invalid value: -1: must be a number between 0 and 0777 (octal), both inclusive',
      `.items[3].path: Invalid value: "..etc": must not start with '..'`,
    ].map((text) => `v[0].configMap${text}`),
  ],
  [
    'files that tell nothing, too much, or what does not fit',
    {
      downwardAPI: {
        items: [
          { path: 'a' },
          { path: 'b', fieldRef, resourceFieldRef: { resource: 'limits.cpu' } },
          { path: 'c', resourceFieldRef: { resource: 'limits.cpu' } },
          { path: 'd', fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } },
        ],
      },
    },
    [
      ': Required value: one of fieldRef and resourceFieldRef is required',
      ': Invalid value: "resource": fieldRef and resourceFieldRef can not be specified simultaneously',
      '.resourceFieldRef.containerName: Required value',
      '.fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"',
    ].map((text) => `v[0].downwardAPI${text}`),
  ],
  [
    'projections that collide and tokens that do not last',
    {
      projected: {
        sources: [
          { secret: { name: 's', items: [{ key: 'k', path: 'a' }] } },
          { configMap: { name: 'c', items: [{ key: 'k', path: 'a' }] }, downwardAPI: {} },
          { serviceAccountToken: { path: '', expirationSeconds: 599 } },
          { serviceAccountToken: { path: 't', expirationSeconds: 2 ** 32 + 1 } },
        ],
      },
    },
    [
      ': Invalid value: "c": conflicting duplicate paths',
      '.sources[1]: Forbidden: may not specify more than 1 volume type',
      '.sources[2].serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
      '.path: Required value',
      '.sources[3].serviceAccountToken.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
    ].map((text) => `v[0].projected${text}`),
  ],
  [
    'NFS that is nowhere',
    { nfs: { server: '', path: 'a' } },
    ['v[0].nfs.server: Required value', 'v[0].nfs.path: Invalid value: "a": must be an absolute path'],
  ],
  ['a driver without a name', { csi: { driver: '' } }, ['v[0].csi.driver: Required value']],
  ['a claim without a template', { ephemeral: {} }, ['v[0].ephemeral.volumeClaimTemplate: Required value']],
])('%s', (_, source, errors) => {
  expect(texts(validateVolumes('v', [{ name: 'a', ...source }]))).toEqual(errors);
});
