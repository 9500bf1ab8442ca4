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
  written: ReadonlyMap<string, Row>;
  /** Whether the next sync looks at everything: the first one, and the one after a failure. */
  whole: boolean;
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
    whole: true,
    triggers: [],
  };
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
  const rows = new Map(stack.model.rows());
  const { triggers, whole: full } = stack;
  stack.triggers = [];
  const began = performance.now();
  try {
    const result = await stack.dataplane.sync({ rows, node });
    stack.whole = false;
    const mayBeStale = mayLeaveStaleFlows(stack.written, rows);
    stack.written = rows;
    return { result, seconds: (performance.now() - began) / 1_000, full, triggers, mayBeStale };
  } catch (error) {
    stack.whole = true;
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
  for (const { written } of stacks)
    for (const [name, one] of checkedServices(written.values())) {
      const known = all.get(name)?.localEndpoints ?? 0;
      all.set(name, { port: one.port, localEndpoints: Math.max(known, one.localEndpoints) });
    }
  return all;
}

/** Services whose Local policy leaves this node without an endpoint for them, though they have some. */
export function withoutLocalEndpoints(rows: Iterable<Row>): { internal: number; external: number } {
  const count = { internal: 0, external: 0 };
  for (const { port, endpoints } of rows) {
    if (!port.internalPolicyLocal && !port.externalPolicyLocal) continue;
    const serving = endpoints.filter((one) => one.ready || (one.serving && one.terminating));
    if (serving.length === 0 || serving.some((one) => one.isLocal)) continue;
    if (port.internalPolicyLocal) count.internal++;
    if (port.externalPolicyLocal) count.external++;
  }
  return count;
}

/** When the change began that this slice is about, as its controller noted it; undefined without the note. */
export function triggerTime(slice: EndpointSlice): number | undefined {
  const text = slice.metadata?.annotations?.['endpoints.kubernetes.io/last-change-trigger-time'];
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
