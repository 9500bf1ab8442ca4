import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import type { AlternativeNames, SubjectName } from '../../../api/x509/names.ts';
import { createRequest } from '../../../api/x509/request.ts';
import { requestOfOld } from './certificate-v1beta1.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const node: SubjectName = { commonName: 'system:node:a', organizations: ['system:nodes'] };

function signerOf(subject: SubjectName, usages?: string[], names: Partial<AlternativeNames> = {}) {
  const request = Buffer.from(createRequest(privateKey, subject, names)).toString('base64');
  const { spec } = requestOfOld({ spec: { request, signerName: '', ...(usages ? { usages } : {}) } });
  return [spec.signerName, spec.usages];
}

test('a signer that nobody names is told by the request', () => {
  expect(signerOf(node, ['client auth'])[0]).toBe('kubernetes.io/kube-apiserver-client-kubelet');
  expect(signerOf(node, ['server auth'], { ips: ['10.0.0.1'] })[0]).toBe('kubernetes.io/kubelet-serving');
  expect(signerOf({ commonName: 'kube-admin', organizations: [] })).toEqual([
    'kubernetes.io/legacy-unknown',
    ['digital signature', 'key encipherment'],
  ]);
  expect(requestOfOld({ spec: { request: '!', signerName: '' } }).spec.signerName).toBe(
    'kubernetes.io/legacy-unknown',
  );
});
