import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import type { EndpointSlice, Service } from '../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../../apiserver/testing/apiserver.ts';
import { objects } from './load.ts';

/** An API in this process that has the objects of the loads, and the kubeconfig of one who may read it. */
export async function startApi(folder: string): Promise<{ api: TestApiserver; kubeconfig: string }> {
  const api = await startTestApiserver();
  for (const object of objects()) await create(api, object);
  return { api, kubeconfig: await kubeconfigOf(api, folder) };
}

export async function create({ client }: TestApiserver, object: KubeObject): Promise<void> {
  if (object.kind === 'Service') await client.create(resources.services, object as Service);
  if (object.kind === 'EndpointSlice') await client.create(resources.endpointslices, object as EndpointSlice);
}

async function kubeconfigOf(api: TestApiserver, folder: string): Promise<string> {
  const file = join(folder, 'kubeconfig');
  const { cert, key } = api.pki.client('bench', ['system:masters']);
  const inBase64 = (text: string) => Buffer.from(text).toString('base64');
  const text = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'c', cluster: { server: api.url, 'certificate-authority-data': inBase64(api.pki.ca) } },
    ],
    users: [
      { name: 'u', user: { 'client-certificate-data': inBase64(cert), 'client-key-data': inBase64(key) } },
    ],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(file, JSON.stringify(text));
  return file;
}
