import type { Client } from '../api/client.ts';
import { startInformer } from '../api/informer.ts';
import type { KubeObject } from '../api/object.ts';
import { findTarget } from './discovery.ts';

/** A condition type that must be `True` in every object's status, or a question about the objects seen now. */
export type Until<T extends KubeObject> = string | ((objects: T[]) => boolean | Promise<boolean>);

export interface WaitOptions {
  namespace?: string;
  labelSelector?: string;
  /** Milliseconds; default 30,000. */
  timeout?: number;
}

interface WithConditions extends KubeObject {
  status?: { conditions?: { type: string; status: string }[] };
}

/**
 * Waits until the objects of `target` (`pods`, `deployment/hostnames`) satisfy `until`, by list and watch.
 * A condition name waits for at least one object, and for the condition in each of them. Rejects after the
 * time-out with what was seen last.
 */
export async function waitFor<T extends KubeObject>(
  client: Client,
  target: string,
  until: Until<T>,
  { namespace = 'default', labelSelector, timeout = 30_000 }: WaitOptions = {},
): Promise<T[]> {
  const { resource, name } = await findTarget(client, target);
  const ending = new AbortController();
  const satisfied = typeof until === 'string' ? everyCondition(until) : until;
  const objects = () => [...informer.store.values()] as T[];
  const informer = startInformer(client, resource, {
    ...(resource.namespaced ? { namespace } : {}),
    ...(labelSelector ? { labelSelector } : {}),
    ...(name ? { fieldSelector: `metadata.name=${name}` } : {}),
    signal: ending.signal,
  });
  try {
    return await new Promise<T[]>((resolve, reject) => {
      const look = async () => {
        const seen = objects();
        if (await satisfied(seen)) resolve(seen);
      };
      const timer = setTimeout(() => reject(timedOut(target, until, timeout, objects())), timeout);
      ending.signal.addEventListener('abort', () => clearTimeout(timer));
      // Not before the first list is whole: half of it could satisfy by accident.
      informer.synced
        .then(() => {
          informer.onChange(() => void look().catch(reject));
          return look();
        })
        .catch(reject);
    });
  } finally {
    ending.abort();
  }
}

function everyCondition(type: string): (objects: WithConditions[]) => boolean {
  const holds = ({ status }: WithConditions) =>
    (status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');
  return (objects) => objects.length > 0 && objects.every(holds);
}

function timedOut(target: string, until: Until<never>, timeout: number, seen: KubeObject[]): Error {
  const what = typeof until === 'string' ? `condition ${until}` : 'the condition given';
  const states = seen.map((object) => {
    const { phase, conditions } = ((object as WithConditions).status ?? {}) as {
      phase?: string;
      conditions?: { type: string; status: string; message?: string }[];
    };
    const failing = (conditions ?? []).filter(({ status }) => status !== 'True');
    const reasons = failing.map(({ type, message }) => (message ? `${type}: ${message}` : `not ${type}`));
    return `  ${object.metadata?.name}: ${[phase, ...reasons].filter(Boolean).join('; ') || 'present'}`;
  });
  const last = states.length > 0 ? `last seen:\n${states.join('\n')}` : 'no such object was seen';
  return new Error(`${target}: ${what} did not hold within ${timeout / 1000} s; ${last}`);
}
