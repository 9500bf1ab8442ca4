import { NftError, type NftFamily, nftApply, nftListTable, nftTableExists } from '../../kernel/nft.ts';
import { CommandError } from '../../kernel/run.ts';
import type { NftablesLayout } from '../configuration.ts';
import type { Dataplane, ProxyState, SyncResult } from '../dataplane.ts';
import type { BackendOptions } from '../modes.ts';
import { forgetGoneEndpoints, mayForget } from './affinity.ts';
import { baseFragment } from './base.ts';
import { createTableBuilder, type TableBuilder } from './build.ts';
import { type RuleContext, ruleContext } from './context.ts';
import { type Batch, difference, everything, settle } from './diff.ts';
import { flatFragment } from './flat.ts';
import { flatBase } from './flatchains.ts';
import { inWordsOf, parseListed } from './listed.ts';
import { serviceFragment } from './service.ts';
import { commandsFor, emptyTable, type Table, tableName } from './table.ts';

/** Endpoints above which `verify` only looks whether the table is there. */
const largeTable = 1_000;
/** Text of one transaction where the kernel takes no larger ones: its netlink messages stay below 200 kB. */
const smallBatch = 30_000;
/** Milliseconds after which the kernel has let go of a chain that no element leads to any more. */
const settled = 1_000;

/** The nftables mode of kube-proxy for one address family: one transaction a sync at most. */
export function createNftablesDataplane({ kernel, family, configuration }: BackendOptions): Dataplane {
  const ip: NftFamily = family === 'IPv4' ? 'ip' : 'ip6';
  const write = commandsFor(ip);
  /** What the kernel has: listed, or by our own writes. Undefined when that is not known. */
  let standing: { table: Table | undefined; known: 'listed' | 'written' } | undefined;
  let builder: { key: string; value: TableBuilder } | undefined;
  let endpoints = 0;
  /** Text in one transaction at most: everything, unless this kernel has refused that. */
  let batchSize = Number.POSITIVE_INFINITY;
  /** Chains to delete, and since when. */
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

  async function apply({ groups }: Batch): Promise<string> {
    const text = groups.map((group) => `${group}\n`).join('');
    if (!text) return text;
    if (text.length <= batchSize)
      try {
        await nftApply(kernel, text);
        return text;
      } catch (error) {
        if (!(error instanceof NftError && error.tooLong) || batchSize === smallBatch) throw error;
        batchSize = smallBatch;
      }
    for (const part of parts(groups)) await nftApply(kernel, part);
    return text;
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
      await apply({ ...nothing, groups: due.map((name) => write.deleteChain(name)) });
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
      const updated = value.update(state.rows);
      if (updated.chains.size > 0) endpoints = endpointsOf(state);
      const wanted = value.table;
      await deleteStale();
      if (!standing) await adopt();
      const known = standing ?? { table: undefined, known: 'listed' };
      // What is known by our own writes differs only where something was touched.
      const isWritten = known.known === 'written' && !isNew;
      const from = known.table && (isWritten ? known.table : inWordsOf(known.table, wanted));
      const touched = isWritten ? updated : everything(from, wanted);
      const batch = difference(from, wanted, ip, touched);
      // Until the kernel has said yes, nothing is known of it.
      standing = undefined;
      const text = await apply(batch);
      const replaced = text.includes(`${write.deleteTable}\n`);
      const table = replaced ? emptyTable() : (from ?? emptyTable());
      settle(table, wanted, touched);
      standing = { table, known: 'written' };
      if (replaced) stale.clear();
      for (const name of touched.chains) stale.delete(name);
      if (!replaced) for (const name of batch.stale) stale.set(name, performance.now());
      if (mayForget(touched)) await forgetGoneEndpoints(kernel, ip, wanted);
      const { created, changed, deleted } = batch;
      return { text, created, changed, deleted };
    },
    async verify() {
      if (!builder || !standing) return undefined;
      if (endpoints > largeTable) {
        if (await nftTableExists(kernel, ip, tableName)) return undefined;
        standing = { table: undefined, known: 'listed' };
        return flushed;
      }
      const listed = await nftListTable(kernel, ip, tableName);
      const wanted = builder.value.table;
      const table = listed && inWordsOf(parseListed(listed), wanted);
      const { groups, created, changed, deleted } = difference(table, wanted, ip);
      if (groups.length === 0) return undefined;
      standing = { table, known: 'listed' };
      if (!table?.chains.has('services')) return flushed;
      return `${created} chains or elements missing, ${changed} changed, ${deleted} not ours to have`;
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
const nothing: Batch = { groups: [], created: 0, changed: 0, deleted: 0, stale: [] };

function endpointsOf({ rows }: ProxyState): number {
  let sum = 0;
  for (const { endpoints } of rows.values()) sum += endpoints.length;
  return sum;
}

function* parts(groups: readonly string[]): Generator<string> {
  let text = '';
  for (const group of groups) {
    if (text && text.length + group.length > smallBatch) {
      yield text;
      text = '';
    }
    text += `${group}\n`;
  }
  if (text) yield text;
}
