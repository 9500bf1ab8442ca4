import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resources } from '../../api/scheme.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import { createRequest } from '../../api/x509/request.ts';
import { createCertificateAuthority } from '../../cluster/pki.ts';
import { startTestControlPlane, type TestControlPlane } from '../testing/control-plane.ts';
import { until } from '../testing/until.ts';
import { isOver } from './clean.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const hour = 3_600_000;
let plane: TestControlPlane;
let ca: X509Certificate;
beforeAll(async () => {
  const clusterSigning = createCertificateAuthority();
  ca = new X509Certificate(clusterSigning.cert);
  plane = await startTestControlPlane({ clusterSigning });
});
afterAll(async () => {
  expect(plane.complaints).toEqual([]);
  await plane[Symbol.asyncDispose]();
});

type Asked = Partial<CertificateSigningRequest['spec']>;

/** Posts a request and, unless somebody else is to decide, approves it; what it becomes when that is final. */
async function ask(
  subject: { commonName: string; organizations: string[] },
  spec: Asked,
  { dns = [] as string[], approve = true } = {},
): Promise<CertificateSigningRequest> {
  const request = createRequest(privateKey, subject, { dns });
  const created = await plane.client.create(resources.certificatesigningrequests, {
    metadata: { generateName: 'test-' },
    spec: { request: Buffer.from(request).toString('base64'), signerName: '', usages: [], ...spec },
  });
  const { name = '' } = created.metadata ?? {};
  if (approve) {
    const conditions = [{ type: 'Approved', status: 'True', reason: 'Test' }];
    const approved = { ...created, status: { conditions } };
    await plane.client.update(resources.certificatesigningrequests, approved, 'approval');
  }
  const isFinal = ({ metadata, status = {} }: CertificateSigningRequest) =>
    metadata?.name === name &&
    Boolean(status.certificate || status.conditions?.some(({ type }) => type === 'Failed'));
  const requests = await until(plane.client, resources.certificatesigningrequests, undefined, (all) =>
    all.some(isFinal),
  );
  return requests.find(isFinal) ?? created;
}

const certificateOf = ({ status }: CertificateSigningRequest) =>
  new X509Certificate(Buffer.from(status?.certificate ?? '', 'base64'));
const jane = { commonName: 'jane', organizations: ['dev'] };
const node = { commonName: 'system:node:n1', organizations: ['system:nodes'] };

describe('signing', () => {
  test('a client gets what was approved, for a year or as long as was asked for', async () => {
    const spec = { signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] };
    const year = certificateOf(await ask(jane, spec));
    expect(year.verify(ca.publicKey)).toBe(true);
    expect(year.checkPrivateKey(privateKey)).toBe(true);
    expect(year.subject).toBe('O=dev\nCN=jane');
    expect(year.issuer).toBe('CN=kubernetes');
    expect(year.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(Date.parse(year.validTo) - Date.parse(year.validFrom)).toBe(365 * 24 * hour);
    const short = certificateOf(await ask(jane, { ...spec, expirationSeconds: 3600 }));
    expect(Date.parse(short.validTo) - Date.parse(short.validFrom)).toBe(hour + 300_000);
  });

  test('a kubelet serves with a certificate somebody approved', async () => {
    const request = await ask(
      node,
      { signerName: 'kubernetes.io/kubelet-serving', usages: ['digital signature', 'server auth'] },
      { dns: ['n1'] },
    );
    expect(certificateOf(request).subjectAltName).toBe('DNS:n1');
  });

  test.each<[string, { commonName: string; organizations: string[] }, Asked, string]>([
    [
      'a server of no node',
      jane,
      { signerName: 'kubernetes.io/kubelet-serving', usages: ['digital signature', 'server auth'] },
      'subject organization is not system:nodes',
    ],
    [
      'a node with more groups',
      { ...node, organizations: ['system:nodes', 'more'] },
      {
        signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
        usages: ['digital signature', 'client auth'],
      },
      'subject organization is not system:nodes',
    ],
    [
      'a client that wants to serve',
      jane,
      { signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth', 'server auth'] },
      'invalid usage for client certificate: server auth',
    ],
    [
      'a node that is none',
      { ...node, commonName: 'n1' },
      {
        signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
        usages: ['digital signature', 'client auth'],
      },
      'subject common name does not begin with system:node:',
    ],
  ])('%s is refused, though approved', async (_, subject, spec, message) => {
    const { status } = await ask(subject, spec);
    expect(status?.certificate).toBeUndefined();
    expect(status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message }),
    );
  });
});

test('a kubelet that may is approved by itself', async () => {
  const spec = {
    signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    usages: ['digital signature', 'key encipherment', 'client auth'],
  };
  const { status } = await ask(node, spec, { approve: false });
  expect(status?.conditions).toMatchObject([
    {
      type: 'Approved',
      reason: 'AutoApproved',
      message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
    },
  ]);
});

describe('cleaning', () => {
  const now = Date.UTC(2030, 0, 2);
  const at = (ago: number) => new Date(now - ago).toISOString();
  const request = (
    conditions: [string, number][],
    age: number,
    certificate?: string,
  ): CertificateSigningRequest => ({
    metadata: { creationTimestamp: at(age) },
    spec: { request: '', signerName: '' },
    status: {
      conditions: conditions.map(([type, ago]) => ({ type, status: 'True', lastUpdateTime: at(ago) })),
      ...(certificate ? { certificate } : {}),
    },
  });

  test.each<[string, CertificateSigningRequest, boolean]>([
    ['new', request([], hour), false],
    ['a day without a decision', request([], 25 * hour), true],
    ['just denied', request([['Denied', hour / 2]], 25 * hour), false],
    ['denied an hour ago', request([['Denied', hour + 1]], 2 * hour), true],
    [
      'failed an hour ago',
      request(
        [
          ['Approved', 2 * hour],
          ['Failed', hour + 1],
        ],
        2 * hour,
      ),
      true,
    ],
    ['approved, not signed', request([['Approved', 30 * hour]], 30 * hour), false],
  ])('a request that is %s', (_, one, over) => {
    expect(isOver(one, now)).toBe(over);
  });

  test('a request that was signed goes an hour later, or with its certificate', () => {
    const certificate = Buffer.from(ca.toString()).toString('base64');
    expect(isOver(request([['Approved', hour / 2]], hour, certificate), now)).toBe(false);
    expect(isOver(request([['Approved', hour + 1]], 2 * hour, certificate), now)).toBe(true);
    const late = Date.parse(ca.validTo) + 1_000;
    const fresh = request([['Approved', 0]], 0, certificate);
    fresh.status = { ...fresh.status, conditions: [{ type: 'Approved', status: 'True' }] };
    expect(isOver(fresh, late)).toBe(true);
  });
});
