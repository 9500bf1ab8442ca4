import { request as httpRequest } from 'node:http';
import { expect } from 'vitest';
import type { ManagedFieldsEntry } from '../../api/types.ts';

/** What a server said, as plain values. */
export interface Answer<T> {
  code: number;
  body: T;
}

/** Sends a request with whatever body and type, as a client that calls itself `agent`. */
export function sendTo<T>(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  type = 'application/json',
  agent = 'tester/v1.0 (linux)',
): Promise<Answer<T>> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'user-agent': agent };
    const outgoing = httpRequest({ socketPath, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ code: response.statusCode ?? 0, body: JSON.parse(text) as T });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

/** A Deployment of one container with a port, in group `apps`. */
export const deployment = (name: string, spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }] },
    },
    ...spec,
  },
});

export const configMap = (name: string, data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

/** Without times, and checked for having them. */
export function entriesOf(object: {
  metadata?: { managedFields?: ManagedFieldsEntry[] };
}): ManagedFieldsEntry[] {
  return (object.metadata?.managedFields ?? []).map(({ time, ...entry }) => {
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    return entry;
  });
}
