import type { Change } from '../../api/informer.ts';
import type { Pod } from '../../api/types.ts';
import { podCondition } from '../pod.ts';

export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

/**
 * When the first of the changes happened that a write publishes; consumers measure programming latency
 * from it. Upstream: `trigger_time_tracker.go`.
 */
export function createTriggerTimes() {
  const earliest = new Map<string, string>();
  return {
    note(service: string, { type, object, old }: Change<Pod>): void {
      const time = type === 'deleted' ? undefined : triggerTime(object);
      if (time === undefined || (old && readiness(old) === readiness(object))) return;
      const known = earliest.get(service);
      if (known === undefined || time < known) earliest.set(service, time);
    },
    take(service: string): string | undefined {
      const time = earliest.get(service);
      earliest.delete(service);
      return time;
    },
    forget(service: string): void {
      earliest.delete(service);
    },
  };
}

/** What a trigger is a change of. Times have whole seconds, in which a pod may be made and become ready. */
function readiness(pod: Pod): string {
  return `${podCondition(pod, 'Ready')?.status} ${triggerTime(pod)}`;
}

/** When the pod last became ready or unready, else when it was made. */
function triggerTime(pod: Pod): string | undefined {
  return podCondition(pod, 'Ready')?.lastTransitionTime ?? pod.metadata?.creationTimestamp;
}
