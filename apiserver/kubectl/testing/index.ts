import { changeTable } from './change.ts';
import { clusterTable } from './cluster.ts';
import { createTable } from './create.ts';
import { describeTable } from './describe.ts';
import { localTable } from './local.ts';
import { readTable } from './read.ts';
import type { Table } from './table.ts';
import { workloadsTable } from './workloads.ts';

/** Every command of `kubectl --help` in every variant that needs no kubelet. */
export const tables: readonly Table[] = [
  createTable,
  readTable,
  describeTable,
  changeTable,
  workloadsTable,
  clusterTable,
  localTable,
];
