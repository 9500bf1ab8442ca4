import type { Client } from '../api/client.ts';
import { createCorrelator } from '../api/event-correlator.ts';
import { createEventQueue } from '../api/event-queue.ts';
import type { KubeObject } from '../api/object.ts';
import { resources } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import type { CoreEvent } from '../api/types.ts';

/** Tells users what a controller did, as `kubectl describe` and `kubectl get events` show it. */
export interface EventRecorder {
  /** Returns at once; a failed write is reported and lost, as upstream has it. */
  event(involved: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** Events are written so many milliseconds late: what they tell of goes first. */
const lateness = 100;

/** So many different Events are remembered. Upstream: `maxLruCacheEntries`. */
const remembered = 4096;

/**
 * Writes core/v1 Events in the name of `component`. An event equal to an earlier one (object, type,
 * reason, message) raises that one's count, and many that are alike become one. Upstream: client-go `tools/record`.
 */
export function createRecorder(
  client: Client,
  component: string,
  onError: (error: unknown) => void,
): EventRecorder {
  const known = new Map<string, CoreEvent>();
  const correlate = createCorrelator();
  const queue = createEventQueue({ patience: lateness });

  async function write(key: string, event: CoreEvent): Promise<void> {
    const last = known.get(key);
    known.delete(key);
    try {
      known.set(
        key,
        (last && (await countUp(last, event))) ?? (await client.create(resources.events, event)),
      );
    } catch (error) {
      if (!isNamespaceEnding(error) && !hasReason(error, 'NotFound')) onError(error);
    }
    const [oldest] = known.keys();
    if (known.size > remembered && oldest !== undefined) known.delete(oldest);
  }

  async function countUp(last: CoreEvent, event: CoreEvent): Promise<CoreEvent | undefined> {
    const { name = '', namespace = 'default' } = last.metadata;
    try {
      return await client.patch(resources.events, { name, namespace }, 'merge', {
        count: (last.count ?? 1) + 1,
        message: event.message,
        lastTimestamp: event.lastTimestamp,
      });
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  return {
    event(involved, type, reason, message) {
      const { uid, name, namespace } = involved.metadata ?? {};
      const about = JSON.stringify([involved.kind, namespace, name, uid]);
      const told = correlate({ about, type, reason, message });
      if (!told) return;
      const event = newEvent(component, involved, type, reason, told.message);
      queue.push(type, () => write(told.key, event));
    },
  };
}

/** True for the refusal to create anything in a namespace that is being deleted. */
export function isNamespaceEnding(error: unknown): boolean {
  return (
    hasReason(error, 'Forbidden') &&
    (error.status.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating')
  );
}

function newEvent(
  component: string,
  involved: KubeObject,
  type: string,
  reason: string,
  message: string,
): CoreEvent {
  const { name = '', namespace, uid, resourceVersion } = involved.metadata ?? {};
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const nanos = (BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)).toString(16);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${nanos}`, namespace: namespace ?? 'default' },
    involvedObject: {
      ...(involved.apiVersion ? { apiVersion: involved.apiVersion } : {}),
      ...(involved.kind ? { kind: involved.kind } : {}),
      name,
      ...(namespace ? { namespace } : {}),
      ...(uid ? { uid } : {}),
      ...(resourceVersion ? { resourceVersion } : {}),
    },
    reason,
    message,
    type,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component },
    reportingComponent: component,
  };
}
