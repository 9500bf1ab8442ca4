import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type Resource, resources } from '../../../api/scheme.ts';
import type { ConfigMap, MutatingWebhook, ValidatingWebhook } from '../../../api/types.ts';
import { startTestApiserver, type TestApiserver } from '../../testing/apiserver.ts';
import { startWebhookServer, type WebhookServer } from './server.ts';

/** Of the tests that {@link useWebhooks}, while they run. */
export let server: TestApiserver;
export let hooks: WebhookServer;

/** Gives the tests of a file an apiserver and a webhook, with no configuration when one begins. */
export function useWebhooks(): void {
  beforeAll(async () => {
    server = await startTestApiserver();
    hooks = await startWebhookServer(server.pki.server);
  });
  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await hooks.stop();
    await server.stop();
  });
  afterEach(async () => {
    hooks.answers.clear();
    hooks.asked.splice(0);
    const kinds: Resource[] = [
      resources.mutatingwebhookconfigurations,
      resources.validatingwebhookconfigurations,
    ];
    for (const kind of kinds) {
      const { items } = await server.client.list(kind);
      for (const { metadata } of items) await server.client.delete(kind, { name: metadata?.name ?? '' });
    }
  });
}

/** What {@link hook} asks about unless told. */
export const configMaps = {
  operations: ['CREATE', 'UPDATE'],
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['configmaps'],
};

/** A webhook at a path of `hooks`. */
export function hook(path: string, more: Partial<MutatingWebhook> = {}): MutatingWebhook & ValidatingWebhook {
  return {
    name: `${path}.example.com`,
    clientConfig: { url: `${hooks.url}/${path}`, caBundle: Buffer.from(server.pki.ca).toString('base64') },
    rules: [configMaps],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...more,
  };
}

export const mutating = (name: string, ...webhooks: MutatingWebhook[]) =>
  server.client.create(resources.mutatingwebhookconfigurations, { metadata: { name }, webhooks });
export const validating = (name: string, ...webhooks: ValidatingWebhook[]) =>
  server.client.create(resources.validatingwebhookconfigurations, { metadata: { name }, webhooks });

export const configMap = (name: string, more: Partial<ConfigMap> = {}): ConfigMap => ({
  metadata: { name, namespace: 'default', ...more.metadata },
  data: { a: '1' },
  ...(more.data ? { data: more.data } : {}),
});
/** Creates a ConfigMap. */
export const make = (name: string, more: Partial<ConfigMap> = {}) =>
  server.client.create(resources.configmaps, configMap(name, more));
