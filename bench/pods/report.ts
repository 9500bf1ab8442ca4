import { availableParallelism } from 'node:os';
import { median, table } from '../statistics.ts';
import type { NetworkFigures } from './bare.ts';
import type { ApiFigures } from './steps.ts';

/** Milliseconds since the Deployment was sent at which each pod had come so far, in order. */
export interface Times {
  created: number[];
  scheduled: number[];
  running: number[];
  reachable: number[];
}

interface Moment {
  cpu: Map<string, number>;
  memory: Map<string, { count: number; pss: number }>;
  free: number;
  /** See neighbourTableFull. */
  full: number;
}

/** All that was measured; times in milliseconds. */
export interface Figures {
  nodes: number;
  pods: number;
  image: string;
  start: number;
  network: NetworkFigures;
  api: ApiFigures;
  scheduler: number;
  containers: number;
  times: Times;
  before: Moment;
  after: Moment;
  /** CPU when all Events were written, too. */
  told: Map<string, number>;
  removal: number;
}

export function printFigures(figures: Figures): void {
  const { nodes, pods, image, network, containers, times, api, scheduler } = figures;
  const last = (of: number[]) => of.at(-1) ?? 0;
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  const seconds = (value: number) => `${(value / 1_000).toFixed(1)} s`;
  const limit = network.netns + network.links + network.addresses;
  const each = last(times.reachable) / pods;
  const beyond = each - containers;
  console.log(`${pods} pods of ${image} on ${nodes} nodes, ${availableParallelism()} cores\n`);
  print('Time', [
    [`${nodes} nodes Ready`, seconds(figures.start)],
    ...(Object.keys(times) as (keyof Times)[]).map((stage): [string, string] => [
      `all ${stage} (half of them)`,
      `${seconds(last(times[stage]))} (${seconds(median(times[stage]))})`,
    ]),
    ['pods a second, until reachable', (pods / (last(times.reachable) / 1_000)).toFixed(0)],
    ['deleted, nothing left', seconds(figures.removal)],
    ['no room for a neighbour (gc_thresh3), times', String(figures.after.full - figures.before.full)],
  ]);
  print('Against the limit, a pod', [
    ['in all', ms(each)],
    ['its container alone', ms(containers)],
    ['beyond that', ms(beyond)],
    ['its network alone, by ip -batch', ms(limit)],
    ['ratio', `${(beyond / limit).toFixed(1)}×`],
  ]);
  print('Steps alone, a pod', [
    ['API: create', ms(api.create)],
    ['API: bind', ms(api.bind)],
    ['API: status', ms(api.status)],
    ['API: an event', ms(api.event)],
    ['scheduler: decide', ms(scheduler)],
    ['ip: namespace', ms(network.netns)],
    ['ip: pair, bridge port', ms(network.links)],
    ['ip: addresses, routes', ms(network.addresses)],
    ['container: file system, namespaces, program', ms(containers)],
  ]);
  printCpu(figures);
  printMemory(figures);
}

function printCpu({ before, after, told, pods }: Figures): void {
  const rows = [...after.cpu].map(([kind, now]): [string, number] => [
    kind,
    now - (before.cpu.get(kind) ?? 0),
  ]);
  const total = rows.reduce((sum, [, spent]) => sum + spent, 0);
  const cell = (spent: number) => `${((spent * 1_000) / pods).toFixed(1)} ms`;
  print('CPU, a pod', [
    ...rows.sort((a, b) => b[1] - a[1]).map(([kind, spent]): [string, string] => [kind, cell(spent)]),
    ['in all', cell(total)],
    ['Events, after that', cell(sumOf(told) - sumOf(after.cpu))],
  ]);
}

const sumOf = (cpu: Map<string, number>) => [...cpu.values()].reduce((sum, spent) => sum + spent, 0);

function printMemory({ before, after, pods, nodes }: Figures): void {
  const of = ({ memory }: Moment, kind: string) => memory.get(kind)?.pss ?? 0;
  const sum = ({ memory }: Moment) => [...memory.values()].reduce((total, { pss }) => total + pss, 0);
  const size = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MB`;
  const more = (kind: string) => (of(after, kind) - of(before, kind)) / pods;
  print('Memory (PSS)', [
    ['a node, without pods', size(of(before, 'node processes') / nodes)],
    ['the control plane, without pods', size(of(before, 'control plane'))],
    ['a pod: its shim', size(more('shims'))],
    ['a pod: its program', size(more('programs'))],
    ['a pod: in node processes', size(more('node processes'))],
    ['a pod: in the control plane', size(more('control plane'))],
    [
      'a pod: everything else, the kernel above all',
      size((before.free - after.free - sum(after) + sum(before)) / pods),
    ],
    ['in all', size(sum(after))],
  ]);
}

function print(title: string, rows: [string, string][]): void {
  console.log(`${title}\n`);
  console.log(table(rows).replace(/^/gm, '  '));
  console.log();
}
