import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { resources } from '../../../api/scheme.ts';
import type { CertificateSigningRequest } from '../../../api/types.ts';
import { createRequest } from '../../../api/x509/request.ts';
import { admit, createContext, strategyOf, texts } from './testing.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const encode = (text: string) => Buffer.from(text).toString('base64');
const requestFor = (organization: string) =>
  encode(createRequest(privateKey, { commonName: 'jane', organizations: [organization] }));
const valid: CertificateSigningRequest = {
  metadata: { name: 'jane' },
  spec: {
    request: requestFor('dev'),
    signerName: 'kubernetes.io/kube-apiserver-client',
    usages: ['client auth'],
  },
};
const strategy = strategyOf(resources.certificatesigningrequests);
const withSpec = (spec: Partial<CertificateSigningRequest['spec']>) => ({
  ...valid,
  spec: { ...valid.spec, ...spec },
});

test('who asks is whom the server says, and nothing is decided when it comes', () => {
  const { object, errors } = admit(strategy, {
    ...withSpec({ username: 'root', uid: '0', groups: ['system:masters'], extra: { a: ['b'] } }),
    status: { conditions: [{ type: 'Approved', status: 'True' }] },
  });
  expect(errors).toEqual([]);
  expect(object.spec).toEqual({ ...valid.spec, username: 'kubernetes-admin', groups: ['system:masters'] });
  expect(object.status).toEqual({});
});

test.each<[string, Partial<CertificateSigningRequest['spec']>, string]>([
  [
    'no request',
    { request: '' },
    'spec.request: Invalid value: "": PEM block type must be CERTIFICATE REQUEST',
  ],
  ['no usages', { usages: [] }, 'spec.usages: Required value: usages must be provided'],
  [
    'a strange usage',
    { usages: ['fly'] },
    'spec.usages[0]: Unsupported value: "fly": supported values: "any", "cert sign"',
  ],
  ['a usage twice', { usages: ['any', 'any'] }, 'spec.usages[1]: Duplicate value: "any"'],
  ['no signer', { signerName: '' }, 'spec.signerName: Required value: signerName must be provided'],
  [
    'the legacy signer',
    { signerName: 'kubernetes.io/legacy-unknown' },
    'the legacy signerName is not allowed via this API version',
  ],
  [
    'a signer of no domain',
    { signerName: 'mine' },
    "must be a fully qualified domain and path of the form 'example.com/signer-name'",
  ],
  [
    'a signer of one label',
    { signerName: 'a/b' },
    'spec.signerName: Invalid value: "a": should be a domain with at least two segments separated by dots',
  ],
  ['a signer with a bad path', { signerName: 'a.b/C' }, 'validating label "C"'],
  [
    'a short life',
    { expirationSeconds: 599 },
    'spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)',
  ],
])('refuses %s', (_, spec, text) => {
  const { errors } = admit(strategy, withSpec(spec));
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain(text);
});

test('nobody becomes system:masters', () => {
  expect(() => admit(strategy, withSpec({ request: requestFor('system:masters') }))).toThrow(
    'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
  );
});

describe('a request that is there', () => {
  const approved = {
    type: 'Approved',
    status: 'True',
    reason: 'Because',
    lastUpdateTime: '2024-01-01T00:00:00Z',
    lastTransitionTime: '2024-01-01T00:00:00Z',
  };
  const check = (
    subresource: 'approval' | 'status' | undefined,
    old: CertificateSigningRequest['status'],
    status: CertificateSigningRequest['status'],
  ) => {
    const context = { ...createContext(), ...(subresource ? { subresource } : {}) };
    const before = { ...valid, status: old ?? {} };
    const object = { ...structuredClone(valid), status: structuredClone(status ?? {}) };
    if (subresource === 'approval') strategy.prepareApproval?.(object, before, context);
    else if (subresource === 'status') strategy.prepareStatus?.(object, before, context);
    else strategy.prepare?.(object, before, context);
    return { object, errors: texts(strategy.validate?.(object, before, context) ?? []) };
  };

  test('stays what it is, but for its parts', () => {
    const { object, errors } = check(undefined, {}, { conditions: [approved], certificate: encode('x') });
    expect(errors).toEqual([]);
    expect(object.status).toEqual({});
  });

  test('is approved through `approval`, with the time of it, and gets no certificate there', () => {
    const conditions = [{ type: 'Approved', status: 'True' }];
    const { object, errors } = check('approval', {}, { conditions, certificate: encode('x') });
    expect(errors).toEqual([]);
    const now = '2025-01-01T00:00:00Z';
    expect(object.status).toEqual({
      conditions: [{ ...conditions[0], lastUpdateTime: now, lastTransitionTime: now }],
    });
  });

  test('is not approved through `status`, and keeps the decision there', () => {
    expect(check('status', {}, { conditions: [approved] }).errors).toEqual([
      'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
    ]);
    const { object, errors } = check(
      'status',
      { conditions: [approved] },
      { conditions: [{ ...approved, reason: 'Other' }] },
    );
    expect(errors).toEqual([]);
    expect(object.status?.conditions?.[0]?.reason).toBe('Because');
  });

  test('is decided upon once', () => {
    const denied = { type: 'Denied', status: 'True' };
    expect(check('approval', { conditions: [approved] }, { conditions: [denied] }).errors).toEqual([
      'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
    ]);
    expect(check('approval', { conditions: [approved] }, { conditions: [approved, denied] }).errors).toEqual([
      'status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
    ]);
    expect(check('approval', {}, { conditions: [{ ...denied, status: 'False' }] }).errors).toEqual([
      'status.conditions[0].status: Unsupported value: "False": supported values: "True"',
    ]);
  });

  test('takes a certificate that is one', () => {
    const { errors } = check(
      'status',
      { conditions: [approved] },
      { conditions: [approved], certificate: encode('x') },
    );
    expect(errors).toEqual([
      'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
    ]);
  });
});
