import type { Figures } from '../dataplane.ts';
import { table } from '../statistics.ts';

type Row = readonly [string, ...string[]];

/** Three tables, and what their columns mean. */
export function printFigures(all: readonly Figures[]): void {
  const name = (one: Figures) => `${one.name} ${one.count}`;
  print(
    'A sync by the dataplane alone: no API, the state is handed to it.',
    [
      [
        '',
        'load s',
        'bare s',
        'ratio',
        'again s',
        '+Service ms',
        'bare',
        'ratio',
        '+endpoint ms',
        'bare',
        'ratio',
        'CPU ms',
        'tools ms',
      ],
      ...all.map((one): Row => {
        const { load, bareLoad, again, service, endpoint } = one.sync;
        return [
          name(one),
          seconds(load),
          bareLoad === undefined ? '-' : seconds(bareLoad),
          bareLoad === undefined ? '-' : ratio(load, bareLoad),
          seconds(again),
          ...[service, endpoint].flatMap(({ ours, bare }) => [tenths(ours), tenths(bare), ratio(ours, bare)]),
          endpoint.cpu.toFixed(2),
          tenths(endpoint.tools),
        ];
      }),
    ],
    `load: from nothing; bare: the same lines through the bare command, in as many processes as there are commands
(- where loading took too long to do it again); ratio: ours to bare; again: a new process that finds it all there;
+Service, +endpoint: one more of N, until the tool has said that it is in force. CPU of this process for an endpoint
more, and of the tools it runs, means.`,
  );
  print(
    'Through an API: a whole proxy that watches an apiserver in another process.',
    [
      ['', 'start s', '+Service: API ms', 'in force ms', '+endpoint: API ms', 'in force ms', 'MB', 'before'],
      ...all.map((one): Row => {
        const { start, service, endpoint, memory, memoryBefore } = one.api;
        return [
          name(one),
          seconds(start),
          ...[service, endpoint].flatMap(({ answer, inForce }) => [tenths(answer), tenths(inForce)]),
          memory.toFixed(0),
          memoryBefore.toFixed(0),
        ];
      }),
    ],
    `start: until the proxy has read the API, and compared what it finds in the kernel; API: until the API has answered;
in force: from that answer until the rules are (0 where they were first); MB: resident
memory of the proxy, and before it did anything: Node.js, and the compiler for these sources.`,
  );
  print(
    'TCP connections a second, one after the other.',
    [
      ['', 'no rules', 'pod', 'first Service', 'last Service'],
      ...all.map((one): Row => {
        const { bare, pod, first, last } = one.connections;
        return [name(one), ...[bare, pod, first, last].map((rate) => rate.toFixed(0))] as const;
      }),
    ],
    'pod: straight to it, with the rules of all Services in the way.',
  );
}

function print(title: string, rows: readonly Row[], legend: string): void {
  console.log(`${title}\n\n${table(rows)}\n\n${legend}\n`);
}

const seconds = (milliseconds: number) => (milliseconds / 1_000).toFixed(2);
const tenths = (milliseconds: number) => milliseconds.toFixed(1);
const ratio = (ours: number, theirs: number) => (ours / theirs).toFixed(2);
