import type { Family } from '../api/address.ts';
import type { EndpointSlice } from '../api/types.ts';
import { deleteFlows, listFlows } from '../kernel/conntrack.ts';
import type { Kernel } from '../kernel/run.ts';
import { mayLeaveStaleFlows, staleFlows } from './conntrack/stale.ts';
import type { Dataplane, SyncResult } from './dataplane.ts';
import { checkedServices } from './health/services.ts';
import { createModel, type Model, type Row } from './model/model.ts';
import type { NodeFacts } from './node.ts';

/** One address family: its model, its way into the kernel, and what was written last. */
export interface Stack {
  readonly family: Family;
  readonly model: Model;
  readonly dataplane: Dataplane;
  active: boolean;
  /** Every row, once a sync has ended well; those that a later one failed to write are in it too. */
  written: ReadonlyMap<string, Row>;
  /** What changed since the last sync that ended well, as it was then. */
  readonly unwritten: Map<string, Row | undefined>;
  readonly seen: Seen;
  /** Whether the next sync looks at everything: the first one, and the one after a failure. */
  whole: boolean;
  /** Failed syncs since the last good one. */
  failures: number;
  /** How the rules differed from what is wanted when they were last looked at since; told once. */
  found: string | undefined;
  /** When the changes began that are not in the kernel yet, in milliseconds since the epoch. */
  triggers: number[];
}

export function createStack(family: Family, nodeName: string, dataplane: Dataplane): Stack {
  return {
    family,
    model: createModel(family, nodeName),
    dataplane,
    active: family === 'IPv4',
    written: new Map(),
    unwritten: new Map(),
    seen: { checked: new Map(), withoutLocal: { internal: 0, external: 0 } },
    whole: true,
    failures: 0,
    found: undefined,
    triggers: [],
  };
}

/** What is known of the rows that were written, kept current row by row: looking at all of them takes too long. */
export interface Seen {
  /** Rows of Services with a health check port. */
  readonly checked: Map<string, Row>;
  /** Service ports whose Local policy leaves this node without an endpoint for them, though they have some. */
  readonly withoutLocal: { internal: number; external: number };
}

/** What a sync of one family came to. */
export interface StackSync {
  readonly result: SyncResult;
  readonly seconds: number;
  readonly full: boolean;
  readonly triggers: readonly number[];
  /** Whether a UDP flow may now lead to nobody; see {@link forgetStaleFlows}. */
  readonly mayBeStale: boolean;
}

/** Brings the kernel in step with the model. */
export async function syncStack(stack: Stack, node: NodeFacts): Promise<StackSync> {
  const { model, dataplane, unwritten, triggers, whole: full } = stack;
  for (const [key, row] of model.changes()) if (!unwritten.has(key)) unwritten.set(key, row);
  const rows = model.rows();
  stack.triggers = [];
  const began = performance.now();
  try {
    const result = await dataplane.sync({ rows, node, changed: new Set(unwritten.keys()) });
    stack.whole = false;
    const mayBeStale = mayLeaveStaleFlows(unwritten, rows);
    for (const [key, before] of unwritten) see(stack.seen, key, before, rows.get(key));
    unwritten.clear();
    stack.written = rows;
    return { result, seconds: (performance.now() - began) / 1_000, full, triggers, mayBeStale };
  } catch (error) {
    stack.whole = true;
    stack.failures++;
    stack.triggers.unshift(...triggers);
    throw error;
  }
}

/** Deletes what {@link staleFlows} finds; resolves to how many kinds of flows that were. */
export async function forgetStaleFlows(kernel: Kernel, { family, written }: Stack): Promise<number> {
  let deleted = 0;
  for (const flow of staleFlows(await listFlows(kernel, family, 'udp'), written.values()))
    if (await deleteFlows(kernel, family, flow)) deleted++;
  return deleted;
}

/** Health-checked Services of all families; where both have endpoints here, the family with more counts. */
export function checkedOf(stacks: readonly Stack[]): ReturnType<typeof checkedServices> {
  const all = new Map<string, { port: number; localEndpoints: number }>();
  for (const { seen } of stacks)
    for (const [name, one] of checkedServices(seen.checked.values())) {
      const known = all.get(name)?.localEndpoints ?? 0;
      all.set(name, { port: one.port, localEndpoints: Math.max(known, one.localEndpoints) });
    }
  return all;
}

function see(seen: Seen, key: string, before: Row | undefined, after: Row | undefined): void {
  if (after?.port.healthCheckNodePort) seen.checked.set(key, after);
  else seen.checked.delete(key);
  for (const [row, more] of [[before, -1] as const, [after, 1] as const]) {
    if (!row || !lacksLocal(row)) continue;
    if (row.port.internalPolicyLocal) seen.withoutLocal.internal += more;
    if (row.port.externalPolicyLocal) seen.withoutLocal.external += more;
  }
}

function lacksLocal({ port, endpoints }: Row): boolean {
  if (!port.internalPolicyLocal && !port.externalPolicyLocal) return false;
  const serving = endpoints.filter((one) => one.ready || (one.serving && one.terminating));
  return serving.length > 0 && !serving.some((one) => one.isLocal);
}

/** When the change began that this slice is about, as its controller noted it; undefined without the note. */
export function triggerTime(slice: EndpointSlice): number | undefined {
  const text = slice.metadata?.annotations?.['endpoints.kubernetes.io/last-change-trigger-time'];
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
