/** What a stream must have: the very text, without white space around it, or a match. */
export type Expected = string | RegExp;

/** One command line and what comes of it. */
export interface Row {
  /** Without `kubectl`; words may be quoted as a shell does, with `'`. */
  readonly command: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit code; 0 unless told. */
  readonly code?: number;
  readonly out?: Expected | ((minor: number) => Expected | undefined);
  readonly err?: Expected | ((minor: number) => Expected | undefined);
  /** The minor release of kubectl that the command came with, and the last that had it. */
  readonly since?: number;
  readonly until?: number;
  /** Seconds that it may take to become so: what controllers do is there a moment later. */
  readonly eventually?: true;
  /** Ended by a signal once `out` has come: what goes on for ever. */
  readonly stops?: true;
}

/** Commands that build on each other, in a namespace of their own (`NAMESPACE` in a command is its name). */
export interface Table {
  readonly name: string;
  readonly rows: readonly Row[];
  /** Files by name, beside which the commands run. */
  readonly files?: Readonly<Record<string, string>>;
}

type Rest = Omit<Row, 'command' | 'out'>;

/** A row whose command says something on standard output. */
export const says = (command: string, out: Row['out'], rest: Rest = {}): Row => ({
  command,
  ...(out === undefined ? {} : { out }),
  ...rest,
});

/** A row whose command is refused, with 1 unless told otherwise. */
export const fails = (command: string, err: Row['err'], rest: Omit<Row, 'command' | 'err'> = {}): Row => ({
  command,
  code: 1,
  ...(err === undefined ? {} : { err }),
  ...rest,
});

/** Rows of a template: `each('create', { a: 'b' })` is said of every pair. */
export const pairs = (of: Readonly<Record<string, Row['out']>>): Row[] =>
  Object.entries(of).map(([command, out]) => says(command, out));
