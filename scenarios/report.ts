import type { Writable } from 'node:stream';
import colors from 'picocolors';
import yoctoSpinner from 'yocto-spinner';

/** Where a scenario's story goes. Plain text when not a terminal; never wider than it has to be. */
export interface Report {
  /** The scenario's name and what it shows. */
  title(name: string, text: string): void;
  /** Begins a numbered step. */
  step(text: string): void;
  /** A command as a person would type it, after the prompt of where it runs. */
  command(where: string, text: string): void;
  /** What it printed; cut to `most` lines. */
  output(text: string, most?: number): void;
  /** What there is to know about what was just seen. */
  note(text: string): void;
  /** Something compared with what was expected. A false one makes the scenario fail. */
  check(text: string, holds: boolean, found?: string): void;
  /** A kernel command, shown with `-v`. */
  trace(text: string): void;
  /** Shows that something long is under way; returns its result. */
  progress<T>(text: string, work: Promise<T>): Promise<T>;
  /** Adds cells to a row of a table that this report or the one that replays it shows in the end. */
  row(name: string, cells: Readonly<Record<string, string>>): void;
  /** Rows so far, by name. */
  readonly rows: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** Checks that failed so far, each with what was found. */
  readonly failures: readonly string[];
  readonly checks: number;
}

/** A stream that may be a terminal. */
export type Terminal = Writable & { isTTY?: boolean; columns?: number };

/** `1 node`, `2 nodes`. */
export const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** Prompt of commands typed on the machine itself. */
export const host = '';

const width = 80;
const indent = '   ';

export function createReport(out: Terminal = process.stdout, verbose = false): Report {
  const color = colors.createColors(out.isTTY === true && colors.isColorSupported);
  const failures: string[] = [];
  const rows = new Map<string, Readonly<Record<string, string>>>();
  let steps = 0;
  let checks = 0;
  const line = (text = '') => out.write(`${text}\n`);
  /** On a terminal long lines are folded or cut; a file or pipe gets them whole. */
  const fold = (text: string) =>
    out.isTTY ? foldOutput(text, (out.columns || width) - indent.length) : [text];

  return {
    failures,
    get checks() {
      return checks;
    },
    title(name, text) {
      line(color.bold(name));
      for (const part of wrap(text, width)) line(part);
    },
    step(text) {
      steps += 1;
      line();
      const [first = '', ...rest] = wrap(text, width - 3);
      line(color.bold(`${String(steps).padStart(2)} ${first}`));
      for (const part of rest) line(color.bold(indent + part));
    },
    command(where, text) {
      const prompt = `${where}$`;
      const [first = '', ...rest] = fold(`${prompt} ${text}`);
      line(`${indent}${color.cyan(prompt)}${first.slice(prompt.length)}`);
      for (const part of rest) line(indent + part);
    },
    output(text, most = 14) {
      const lines = text.replace(/\n+$/, '').split('\n');
      for (const part of lines.slice(0, most).flatMap(fold)) line(`${indent}${part}`.trimEnd());
      if (lines.length > most) line(`${indent}… and ${count(lines.length - most, 'line')} more`);
    },
    note(text) {
      for (const part of wrap(text, width - indent.length)) line(indent + color.dim(part));
    },
    check(text, holds, found) {
      checks += 1;
      const why = holds || found === undefined ? '' : `; found: ${found}`;
      if (!holds) failures.push(text + why);
      const [first = '', ...rest] = wrap(text + why, width - indent.length - 2);
      line(`${indent}${holds ? color.green('✓') : color.red('✗')} ${first}`);
      for (const part of rest) line(`${indent}  ${part}`);
    },
    trace(text) {
      if (!verbose) return;
      for (const part of text
        .split('\n')
        .filter(Boolean)
        .flatMap((each) => fold(`+ ${each}`)))
        line(color.dim(indent + part));
    },
    row(name, cells) {
      rows.set(name, { ...rows.get(name), ...cells });
    },
    rows,
    async progress(text, work) {
      if (!out.isTTY) return work;
      const spinner = yoctoSpinner({ text, stream: out }).start();
      try {
        return await work;
      } finally {
        spinner.stop();
      }
    },
  };
}

/** A table's row, told by its gaps, is cut; anything else goes on in the next line, set in. */
export function foldOutput(text: string, columns: number): string[] {
  if (text.length <= columns) return [text];
  if (/\S {3}/.test(text)) return [`${text.slice(0, columns - 1)}…`];
  const lead = /^ */.exec(text)?.[0] ?? '';
  const hanging = `${lead}      `;
  const [first = '', ...rest] = wrap(text.trimStart(), columns - hanging.length);
  return [lead + first, ...rest.map((part) => hanging + part)];
}

/** Breaks prose at blanks. A word longer than the line stands alone. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(/\s+/)) {
    if (current && current.length + 1 + word.length > columns) {
      lines.push(current);
      current = word;
    } else {
      current = current ? `${current} ${word}` : word;
    }
  }
  return current ? [...lines, current] : lines;
}
