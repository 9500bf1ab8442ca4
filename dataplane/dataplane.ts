import type { Family } from '../api/address.ts';
import type { ProxyMode } from './configuration.ts';
import type { Row } from './model/model.ts';
import type { NodeFacts } from './node.ts';

/** What a node should do with Service traffic of one address family. */
export interface ProxyState {
  /** By `servicePortKey`, in any order. A row that did not change is the same object as in the last state. */
  readonly rows: ReadonlyMap<string, Row>;
  /** Keys of the rows that may be others than in the last state, gone ones too. Without it, all are looked at. */
  readonly changed?: ReadonlySet<string>;
  readonly node: NodeFacts;
}

/** What a sync wrote. `text` is the batch, empty when the kernel already had everything. */
export interface SyncResult {
  readonly text: string;
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
}

/**
 * One way into the kernel, for one address family. Calls never overlap. Every method may be called
 * again after it failed; the next sync then starts from what the kernel really has.
 */
export interface Dataplane {
  readonly family: Family;
  /** Learns what stands in the kernel, changing nothing. Optional before `sync`, which does it when needed. */
  adopt(): Promise<void>;
  /** Makes the kernel carry this state, writing only what differs. */
  sync(state: ProxyState): Promise<SyncResult>;
  /** Looks whether anybody changed our rules since the last sync; if so says what, and the next sync repairs it. */
  verify(): Promise<string | undefined>;
  /**
   * Takes everything of ours out of the kernel, whoever wrote it. Where there is nothing, or this kernel lacks
   * what it takes, it does nothing. What mode `keep` uses as well stays: that mode's rules stand already.
   */
  cleanup(keep?: ProxyMode): Promise<void>;
  /** Whether the last cleanup for another mode left something in place because connections go through it. */
  inUse?(): boolean;
  /** How many rules of ours stand in each table, for metrics; only where that is a thing to count. */
  ruleCounts?(): Readonly<Record<string, number>>;
}
