import { request as httpsRequest } from 'node:https';
import type { KubeObject } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import type { ComponentStatus, Lease } from '../../api/types.ts';
import type { Lookup } from '../registry/strategy.ts';
import { createEntry, type Entry, encodeValue } from '../storage/entry.ts';
import { storageKey } from '../storage/keys.ts';

/** What is asked about the components beside this one. */
export interface ComponentHealth {
  lookup: Lookup;
  /** Whether the storage took the last write. */
  storageHealthy(): boolean;
  /** Whether controllers and scheduler run in the apiserver's own process. */
  inProcess(): boolean;
}

/** Who holds the Lease of each, and where it would answer on this machine. */
const components = [
  { name: 'controller-manager', lease: 'kube-controller-manager', port: 10_257 },
  { name: 'scheduler', lease: 'kube-scheduler', port: 10_259 },
] as const;

/**
 * The state of etcd, controllers and scheduler, asked when somebody wants to know; nothing of it is stored. Those that
 * hold a Lease are judged by it, as they may run anywhere; others as upstream does, by what they answer on this machine.
 * Upstream: `pkg/registry/core/componentstatus`.
 */
export async function componentStatuses(health: ComponentHealth): Promise<Entry[]> {
  const etcd = health.storageHealthy()
    ? healthy('etcd-0')
    : unhealthy('etcd-0', 'the storage did not take the last write');
  const others = await Promise.all(components.map((one) => statusOf(one, health)));
  return [...others, etcd].map(entryOf);
}

async function statusOf(
  { name, lease, port }: (typeof components)[number],
  { lookup, inProcess }: ComponentHealth,
): Promise<ComponentStatus> {
  const held = lookup.get(resources.leases, lease, 'kube-system');
  if (held) {
    const late = lateness(held);
    return late === undefined ? healthy(name) : unhealthy(name, late);
  }
  if (inProcess()) return healthy(name);
  const problem = await probe(port);
  return problem === undefined ? healthy(name) : unhealthy(name, problem);
}

/** Why its holder counts as gone. */
function lateness({ spec }: Lease): string | undefined {
  const until = Date.parse(spec?.renewTime ?? '') + (spec?.leaseDurationSeconds ?? 15) * 1000;
  return until >= Date.now()
    ? undefined
    : `${spec?.holderIdentity ?? 'nobody'} last renewed its Lease at ${spec?.renewTime}`;
}

/** What is wrong with `/healthz` on this machine; nobody there is an answer, too. */
function probe(port: number): Promise<string | undefined> {
  const url = `https://127.0.0.1:${port}/healthz`;
  return new Promise((resolve) => {
    const asked = httpsRequest(url, { rejectUnauthorized: false, timeout: 5_000 }, (response) => {
      response.resume();
      const { statusCode } = response;
      resolve(statusCode === 200 ? undefined : `Get "${url}": status ${statusCode}`);
    });
    asked.once('timeout', () => asked.destroy(new Error('i/o timeout')));
    asked.once('error', (error: NodeJS.ErrnoException) => {
      const refused = error.code === 'ECONNREFUSED';
      const why = refused ? `dial tcp 127.0.0.1:${port}: connect: connection refused` : error.message;
      resolve(`Get "${url}": ${why}`);
    });
    asked.end();
  });
}

const healthy = (name: string): ComponentStatus => ({
  metadata: { name },
  conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
});

const unhealthy = (name: string, message: string): ComponentStatus => ({
  metadata: { name },
  conditions: [{ type: 'Healthy', status: 'False', message }],
});

function entryOf(status: ComponentStatus): Entry {
  const resource = resources.componentstatuses;
  const key = storageKey(resource, status.metadata?.name ?? '');
  return createEntry(resource, key, 0, encodeValue(resource, status as KubeObject));
}
