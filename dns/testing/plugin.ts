import type { KubeObject } from '../../api/object.ts';
import type { Handler, Surroundings } from '../plugin.ts';
import { createHttpPool } from '../server/http.ts';
import { createInstance, type Instance } from '../server/instance.ts';
import { createMetrics } from '../server/metrics.ts';
import { createTestLog } from './ask.ts';

/** Surroundings without an API; `lines` of the log can be looked at. */
export function testSurroundings(extra: Partial<Surroundings> = {}): Surroundings & { lines: string[] } {
  const log = createTestLog();
  return {
    client: () => {
      throw new Error('there is no API here');
    },
    objects: [],
    http: createHttpPool(),
    metrics: createMetrics(),
    log,
    lines: log.lines,
    readiness: new Map(),
    localAddresses: () => ['127.0.0.1'],
    fatal: (error) => {
      throw error;
    },
    watchCorefile: () => {},
    ...extra,
  };
}

/** Sets a Corefile up without opening anything. */
export function instanceOf(corefile: string, extra: Partial<Surroundings> = {}): Instance {
  return createInstance(corefile, 'Corefile', 53, testSurroundings(extra));
}

/** The chain that the only server block of a Corefile makes. */
export function chainOf(
  corefile: string,
  objects: readonly KubeObject[] = [],
  extra: Partial<Surroundings> = {},
): Handler {
  const [listener] = instanceOf(corefile, { objects, ...extra }).listeners.values();
  const [handler] = listener?.zones.values() ?? [];
  if (!handler) throw new Error('the Corefile has no server block');
  return handler;
}
