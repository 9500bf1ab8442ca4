import type { Writable } from 'node:stream';
import type { Report } from './report.ts';

/** What a report is told. */
type Told = 'step' | 'command' | 'row' | 'output' | 'note' | 'check' | 'trace';

/** A method of {@link Report} and its arguments; `begin` and `end` are those of `progress`. */
type Line = { [Method in Told]: [Method, ...Parameters<Report[Method]>] }[Told] | ['begin', string] | ['end'];

/** A report that only writes down what it is told, a line of JSON each, for {@link replay}. */
export function recordReport(out: Writable, verbose = false): Report {
  const failures: string[] = [];
  let checks = 0;
  const write = (line: Line) => void out.write(`${JSON.stringify(line)}\n`);
  return {
    failures,
    get checks() {
      return checks;
    },
    // Whoever reads the lines has said it already.
    title: () => undefined,
    step: (text) => write(['step', text]),
    command: (where, text) => write(['command', where, text]),
    // JSON would make nothing of an argument that is left out.
    output: (text, most) => write(most === undefined ? ['output', text] : ['output', text, most]),
    note: (text) => write(['note', text]),
    check(text, holds, found) {
      checks += 1;
      if (!holds) failures.push(text);
      write(found === undefined ? ['check', text, holds] : ['check', text, holds, found]);
    },
    trace(text) {
      if (verbose) write(['trace', text]);
    },
    row: (name, cells) => write(['row', name, cells]),
    // The reader has them.
    rows: new Map(),
    async progress(text, work) {
      write(['begin', text]);
      try {
        return await work;
      } finally {
        write(['end']);
      }
    },
  };
}

/** Takes what {@link recordReport} wrote, chunk by chunk, and tells it to a report. */
export interface Replay {
  take(chunk: Uint8Array): void;
  /** Resolves when all that was taken has been told. */
  told(): Promise<void>;
}

/** What is no line of a story is shown as output. */
export function replay(report: Report): Replay {
  const decoder = new TextDecoder();
  let rest = '';
  let finish: () => void = () => undefined;
  let progress: Promise<void> = Promise.resolve();
  /** One after the other: a spinner has to be gone before the next line is written. */
  let telling: Promise<void> = Promise.resolve();

  async function tell(line: Line): Promise<void> {
    switch (line[0]) {
      case 'step':
        report.step(line[1]);
        break;
      case 'command':
        report.command(line[1], line[2]);
        break;
      case 'output':
        report.output(line[1], line[2]);
        break;
      case 'note':
        report.note(line[1]);
        break;
      case 'check':
        report.check(line[1], line[2], line[3]);
        break;
      case 'row':
        // What was seen here stands beside what was seen there only where here was nothing.
        report.row(line[1], { ...line[2], ...report.rows.get(line[1]) });
        break;
      case 'trace':
        report.trace(line[1]);
        break;
      case 'begin':
        progress = report.progress(
          line[1],
          new Promise<void>((resolve) => {
            finish = resolve;
          }),
        );
        break;
      case 'end':
        finish();
        await progress;
    }
  }

  return {
    take(chunk) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines)
        telling = telling.then(() =>
          text.startsWith('["') ? tell(JSON.parse(text) as Line) : report.output(text),
        );
    },
    async told() {
      await telling;
      // Whoever ended early has not said so.
      finish();
      await progress;
    },
  };
}
