import { NftError, type NftFamily, nftApply, nftListTable, nftTableExists } from '../../kernel/nft.ts';
import { createNftApplier } from '../../kernel/nft-applier.ts';
import { CommandError } from '../../kernel/run.ts';
import type { NftablesLayout } from '../configuration.ts';
import type { Dataplane, ProxyState, SyncResult } from '../dataplane.ts';
import { foundText } from '../found.ts';
import type { BackendOptions } from '../modes.ts';
import { forgetGoneEndpoints, mayForget } from './affinity.ts';
import { baseFragment } from './base.ts';
import { createTableBuilder, type TableBuilder } from './build.ts';
import { type RuleContext, ruleContext } from './context.ts';
import { difference, everything, settle } from './diff.ts';
import { flatFragment } from './flat.ts';
import { flatBase } from './flatchains.ts';
import { foundIn } from './found.ts';
import { inWordsOf, parseListed } from './listed.ts';
import { serviceFragment } from './service.ts';
import { commandsFor, emptyTable, type Table, tableName } from './table.ts';

/** Endpoints above which `verify` only looks whether the table is there. */
const largeTable = 1_000;
/** Text of one transaction where a kernel takes no larger ones; halved as long as that is still too much. */
const smallBatch = 120_000;
/** Milliseconds after which a kernel before 6.2 has let go of a chain that no element leads to any more. */
const settled = 1_000;

/** The nftables mode of kube-proxy for one address family: one transaction a sync at most. */
export function createNftablesDataplane({ kernel, family, configuration }: BackendOptions): Dataplane {
  const ip: NftFamily = family === 'IPv4' ? 'ip' : 'ip6';
  const write = commandsFor(ip);
  /** What the kernel has: listed, or by our own writes. Undefined when that is not known. */
  let standing: { table: Table | undefined; known: 'listed' | 'written' } | undefined;
  let builder: { key: string; value: TableBuilder } | undefined;
  let rows: ProxyState['rows'] = new Map();
  /** Text in one transaction at most: everything, unless this kernel has refused that. */
  let batchSize = Number.POSITIVE_INFINITY;
  /** Whether this kernel does not delete a chain in the transaction that ends its use. */
  let keepStale = false;
  /** Whether affinity to endpoints that are gone has still to be forgotten. */
  let forgetting = false;
  const applier = createNftApplier(kernel);
  /** Chains to delete later, and since when. */
  const stale = new Map<string, number>();

  async function adopt(): Promise<void> {
    standing = undefined;
    const listed = await nftListTable(kernel, ip, tableName);
    standing = { table: listed && parseListed(listed), known: 'listed' };
  }

  function builderFor(state: ProxyState): { value: TableBuilder; isNew: boolean } {
    const context = ruleContext(configuration, state.node, family);
    const key = JSON.stringify(context);
    if (builder?.key === key) return { value: builder.value, isNew: false };
    const value = tableBuilder(configuration.nftables.layout, context);
    builder = { key, value };
    return { value, isNew: true };
  }

  /** One transaction, unless the kernel finds it too long: then as few as it takes. */
  async function apply(groups: readonly string[]): Promise<void> {
    for (const part of parts(groups, () => batchSize))
      try {
        await applier.apply(textOf(part));
      } catch (error) {
        if (!(error instanceof NftError && error.tooLong) || part.length === 1) throw error;
        batchSize = Math.min(smallBatch, Math.floor(textOf(part).length / 2));
        await apply(part);
      }
  }

  /** False too where there is no nft, or a kernel without nf_tables: then nothing of ours can stand there. */
  async function tableExists(): Promise<boolean> {
    try {
      return await nftTableExists(kernel, ip, tableName);
    } catch (error) {
      if (error instanceof CommandError) return false;
      throw error;
    }
  }

  async function deleteStale(): Promise<void> {
    const now = performance.now();
    const due = [...stale].filter(([, since]) => now - since > settled).map(([name]) => name);
    if (due.length === 0) return;
    for (const name of due) stale.delete(name);
    const known = standing;
    standing = undefined;
    try {
      await apply(due.map((name) => write.deleteChain(name)));
    } catch (error) {
      // Still in use, or gone with the table: the next look at the kernel tells.
      if (!(error instanceof NftError)) throw error;
      return;
    }
    for (const name of due) known?.table?.chains.delete(name);
    standing = known;
  }

  return {
    family,
    adopt,
    async sync(state): Promise<SyncResult> {
      const { value, isNew } = builderFor(state);
      const updated = value.update(state.rows, isNew ? undefined : state.changed);
      rows = state.rows;
      const wanted = value.table;
      await deleteStale();
      if (!standing) await adopt();
      const known = standing ?? { table: undefined, known: 'listed' };
      // What is known by our own writes differs only where something was touched.
      const isWritten = known.known === 'written' && !isNew;
      const from = known.table && (isWritten ? known.table : inWordsOf(known.table, wanted));
      const touched = isWritten ? updated : everything(from, wanted);
      const compare = () => difference(from, wanted, ip, touched, { keepStale });
      // Until the kernel has said yes, nothing is known of it.
      standing = undefined;
      let batch = compare();
      await apply(batch.groups).catch((error: unknown) => {
        if (keepStale || !(error instanceof NftError && error.busy)) throw error;
        keepStale = true;
        batch = compare();
        return apply(batch.groups);
      });
      const text = textOf(batch.groups);
      const replaced = text.includes(`${write.deleteTable}\n`);
      const table = replaced ? emptyTable() : (from ?? emptyTable());
      settle(table, wanted, touched, { keepStale });
      standing = { table, known: 'written' };
      if (replaced) stale.clear();
      for (const name of touched.chains) stale.delete(name);
      if (keepStale && !replaced) for (const name of batch.stale) stale.set(name, performance.now());
      forgetting ||= mayForget(touched);
      if (forgetting) await forgetGoneEndpoints(kernel, ip, wanted);
      forgetting = false;
      const { created, changed, deleted } = batch;
      return { text, created, changed, deleted };
    },
    async verify() {
      if (!builder) return undefined;
      // After a failure reading all of it is due anyway.
      if (standing && endpointsOf(rows) > largeTable) {
        if (await nftTableExists(kernel, ip, tableName)) return undefined;
        standing = { table: undefined, known: 'listed' };
        return flushed;
      }
      const listed = await nftListTable(kernel, ip, tableName);
      const wanted = builder.value.table;
      const table = listed && inWordsOf(parseListed(listed), wanted);
      const { groups } = difference(table, wanted, ip, everything(table, wanted), { keepStale });
      if (groups.length === 0) return undefined;
      standing = { table, known: 'listed' };
      return table?.chains.has('services') ? (foundText(foundIn(table, wanted)) ?? rebuilt) : flushed;
    },
    async cleanup() {
      standing = undefined;
      stale.clear();
      if (await tableExists()) await nftApply(kernel, `${write.deleteTable}\n`);
    },
  };
}

/** What stands in the table for a node and its rows, kept current. */
export function tableBuilder(layout: NftablesLayout, context: RuleContext): TableBuilder {
  const base = baseFragment(context);
  return layout === 'flat'
    ? createTableBuilder(flatBase(base, context), (row) => flatFragment(row, context))
    : createTableBuilder(base, (row) => serviceFragment(row, context));
}

const flushed = 'the table was flushed';
const rebuilt = 'the table has to be made anew';

function endpointsOf(rows: ProxyState['rows']): number {
  let sum = 0;
  for (const { endpoints } of rows.values()) sum += endpoints.length;
  return sum;
}

const textOf = (groups: readonly string[]) => groups.map((group) => `${group}\n`).join('');

/** As many groups together as fit; a larger group stays whole. */
function* parts(groups: readonly string[], size: () => number): Generator<readonly string[]> {
  let part: string[] = [];
  let length = 0;
  for (const group of groups) {
    if (part.length > 0 && length + group.length > size()) {
      yield part;
      part = [];
      length = 0;
    }
    part.push(group);
    length += group.length + 1;
  }
  if (part.length > 0) yield part;
}
