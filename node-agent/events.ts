import type { Client } from '../api/client.ts';
import { createCorrelator } from '../api/event-correlator.ts';
import { createEventQueue } from '../api/event-queue.ts';
import { resources } from '../api/scheme.ts';
import type { CoreEvent, ObjectReference } from '../api/types.ts';

export type EventType = 'Normal' | 'Warning';

/** Tells the API what happened to an object. Never blocks and never fails the caller. */
export interface Recorder {
  event(about: ObjectReference, type: EventType, reason: string, message: string): void;
}

export interface RecorderOptions {
  component: string;
  host: string;
  signal: AbortSignal;
  onError: (error: unknown) => void;
}

const remembered = 512;

/** Milliseconds an Event waits: what it tells of, a pod that starts, must not wait for it. */
const patience = 200;

/**
 * Writes Events one after the other, when many pods start after those have. A repetition raises the count of the Event that
 * exists, as client-go's `tools/record` does.
 */
export function createRecorder(client: Client, options: RecorderOptions): Recorder {
  const { component, host, signal, onError } = options;
  const known = new Map<string, { name: string; namespace: string; count: number }>();
  const correlate = createCorrelator();
  const queue = createEventQueue({ patience, signal });
  let lastStamp = 0n;

  async function write(
    key: string,
    about: ObjectReference,
    type: EventType,
    reason: string,
    message: string,
    at: Date,
  ) {
    if (signal.aborted) return;
    const namespace = about.namespace ?? 'default';
    const time = `${at.toISOString().slice(0, 19)}Z`;
    const before = known.get(key);
    if (before) {
      before.count++;
      const { name } = before;
      await client.patch(resources.events, { name, namespace }, 'merge', {
        count: before.count,
        message,
        lastTimestamp: time,
      });
      return;
    }
    // Nanoseconds as upstream has them, and never the same twice.
    const nanoseconds = BigInt(at.getTime()) * 1_000_000n;
    lastStamp = nanoseconds > lastStamp ? nanoseconds : lastStamp + 1n;
    const stamp = lastStamp.toString(16);
    const event: CoreEvent = {
      metadata: { name: `${about.name}.${stamp}`, namespace },
      involvedObject: about,
      type,
      reason,
      message,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      source: { component, host },
      reportingComponent: component,
      reportingInstance: host,
    };
    await client.create(resources.events, event);
    known.set(key, { name: event.metadata.name ?? '', namespace, count: 1 });
    const [oldest] = known.keys();
    if (known.size > remembered && oldest !== undefined) known.delete(oldest);
  }

  return {
    event(about, type, reason, message) {
      const at = new Date();
      const object = JSON.stringify([about.kind, about.namespace, about.name, about.uid]);
      const told = correlate({ about: object, type, reason, message });
      if (!told) return;
      const key = JSON.stringify([told.key, about.fieldPath]);
      queue.push(type, () =>
        write(key, about, type, reason, told.message, at).catch((error: unknown) => {
          if (!signal.aborted) onError(error);
        }),
      );
    },
  };
}
