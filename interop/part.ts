/** What became of one thing that upstream's own programs check. */
export type Case = {
  /** Upstream's name of it, or ours of a comparison. */
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Of what did not pass: why, in a sentence that a reader can act on. */
  readonly reason?: string;
};

/** One run of one part, as `interop/results/` keeps it. */
export type PartResult = {
  /** Name and release of the genuine program that judged, such as `e2e.test 1.20.2`. */
  readonly component: string;
  /** What was run, as the exact command or a sentence. */
  readonly ran: string;
  readonly cases: readonly Case[];
  /** What differs on purpose, each with its reason. */
  readonly deviations: readonly { readonly what: string; readonly reason: string }[];
  /** When it ended (RFC 3339), and how long it took, in seconds. */
  readonly ended: string;
  readonly seconds: number;
};

/** What a part is given. */
export type PartContext = {
  /** A folder of its own, removed after the run. */
  readonly folder: string;
  /** What stood behind the part's name on the command line. */
  readonly options: readonly string[];
  /** The path of a genuine program (`kube-proxy`, `e2e.test`…), built or fetched where it is not there yet. */
  component(name: string): Promise<string>;
  /** Prints one line of progress. */
  say(line: string): void;
};

/** One row of the interoperability matrix: genuine programs judge, and their verdicts come back. */
export type Part = {
  /** As on the command line: `npm run test:interop -- e2e`. */
  readonly name: string;
  /** What it shows, in one line. */
  readonly title: string;
  /** What `interop/results/` calls a run with these options; undefined: it is not kept. Default: its name and the options. */
  keptAs?(options: readonly string[]): string | undefined;
  /** @throws where the judges could not be started at all; what they found wrong is a failed case */
  run(context: PartContext): Promise<Omit<PartResult, 'ended' | 'seconds'>>;
};
