import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../kernel/run.ts';
import type { ClusterSpec } from './spec.ts';
import type { StateDir } from './state.ts';

/** Marks a kernel command in a node's log; lines of a batch are marked as going on. */
const first = '+ ';
const further = '++ ';

/** Writes a command, with the batch it was given, to standard error, which is the node's log. */
export function traceCommand({ file, args, input = '' }: Command): void {
  const batch = input.split('\n').filter(Boolean);
  const lines = [`${first}${[file, ...args].join(' ')}`, ...batch.map((line) => further + line)];
  process.stderr.write(`${lines.join('\n')}\n`);
}

/**
 * A function that returns the kernel commands that nodes have run since it was last called, each line with
 * the node's name before it.
 */
export function readTrace(spec: ClusterSpec, state: Pick<StateDir, 'log'>): () => string[] {
  const offsets = new Map<string, number>();
  return () =>
    spec.nodes.flatMap(({ name }) => {
      const file = join(state.log, `${name}.log`);
      const text = readFrom(file, offsets.get(name) ?? 0);
      // A line still being written is left for the next time.
      const whole = text.slice(0, text.lastIndexOf('\n') + 1);
      offsets.set(name, (offsets.get(name) ?? 0) + Buffer.byteLength(whole));
      return whole.split('\n').flatMap((line) => {
        if (line.startsWith(first)) return [`${name}: ${line.slice(first.length)}`];
        return line.startsWith(further) ? [`${name}:     ${line.slice(further.length)}`] : [];
      });
    });
}

function readFrom(file: string, offset: number): string {
  if (!existsSync(file)) return '';
  const length = statSync(file).size - offset;
  if (length <= 0) return '';
  const buffer = Buffer.alloc(length);
  const descriptor = openSync(file, 'r');
  try {
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, length, offset));
  } finally {
    closeSync(descriptor);
  }
}
