import { describe, expect, it } from 'vitest';
import { decodeProtobuf } from './decode.ts';
import { sent } from './testing.ts';

const decode = (command: keyof typeof sent) => decodeProtobuf(Buffer.from(sent[command], 'base64'));

describe('protobuf bodies of kubectl', () => {
  it('carry bytes as base64', () => {
    expect(decode('create secret generic s --from-literal=p=q')).toEqual({
      kind: 'Secret',
      apiVersion: 'v1',
      metadata: { name: 's', creationTimestamp: null },
      data: { p: 'cQ==' },
    });
  });

  it('keep a zero that was meant, and drop those that Go writes for absent fields', () => {
    expect(decode('create deployment d --image=nginx --replicas=0 --port=80')).toEqual({
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'd', creationTimestamp: null, labels: { app: 'd' } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'd' } },
        strategy: {},
        template: {
          metadata: { creationTimestamp: null, labels: { app: 'd' } },
          spec: {
            containers: [{ name: 'nginx', image: 'nginx', ports: [{ containerPort: 80 }], resources: {} }],
          },
        },
      },
      status: {},
    });
  });

  it('tell named ports from numbers', () => {
    expect(decode('create svc nodeport sv --tcp=80:http')).toMatchObject({
      spec: { type: 'NodePort', ports: [{ name: '80-http', protocol: 'TCP', port: 80, targetPort: 'http' }] },
    });
  });

  it('are of the group that their envelope names', () => {
    expect(decode('create token default --duration=1h')).toMatchObject({
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      spec: { expirationSeconds: 3600 },
    });
  });
});

describe('other bodies', () => {
  const secret = Buffer.from(sent['create secret generic s --from-literal=p=q'], 'base64');

  it('are refused with a reason, wherever they are cut', () => {
    expect(() => decodeProtobuf(Buffer.from('{}'))).toThrow(/expected prefix \[107 56 115 0\]/);
    const envelope = 4;
    const end = secret.length - 4;
    /** Whole fields may end there: that is an empty Secret. */
    const typeOnly = envelope + 14;
    for (let length = envelope; length < end; length++) {
      if (length === typeOnly) continue;
      expect(() => decodeProtobuf(secret.subarray(0, length)), String(length)).toThrow(
        expect.objectContaining({ name: 'StatusError' }),
      );
    }
  });

  it('of unknown kinds are refused by name', () => {
    const other = Buffer.from(secret.toString('latin1').replace('Secret', 'Sacred'), 'latin1');
    expect(() => decodeProtobuf(other)).toThrow(
      'no kind "Sacred" is registered for version "v1" in protobuf',
    );
  });
});
