import type { Client } from '../api/client.ts';
import type { KubeObject } from '../api/object.ts';
import type { Dispenser } from './corefile/dispenser.ts';
import type { HttpPool } from './server/http.ts';
import type { Metrics } from './server/metrics.ts';
import type { Lasting, Query, RepeatWatcher, Reply, ResourceRecord } from './wire/message.ts';

/** Answers a query; what is thrown becomes SERVFAIL. Answers that are ready are returned without a promise. */
export type Handler = (query: Query) => Reply | Promise<Reply>;

/** Wraps what comes after a plugin in the chain. */
export type Stage = (next: Handler) => Handler;

/** A plugin: its name in the Corefile and what it makes of its directive. */
export interface Plugin {
  readonly name: string;
  /** Reads the directive (throwing `CorefileError`) and returns its place in the chain, if it takes one. */
  setup(controller: Controller): Stage | undefined;
}

/** A server block and what a plugin may do to it while it is set up. */
export interface Controller {
  readonly tokens: Dispenser;
  readonly block: Block;
  readonly surroundings: Surroundings;
  /** Runs before the server answers; an error ends the start. */
  onStart(hook: () => void | Promise<void>): void;
  /** Runs once the server answers. */
  onServing(hook: () => void): void;
  /**
   * Says that what this plugin does with questions and with the replies of those after it hangs on name, type and
   * class of the question alone, so that a lasting reply that passed it may be sent again without it. `watcher` is
   * for what it does each time all the same, such as counting; `version` is another number when the plugin may do
   * something else with the same question. Where a plugin does not say so, replies are made anew each time.
   */
  repeatable(but?: { watcher?: RepeatWatcher; version?: () => number }): void;
  /**
   * Says of a reply of this plugin's own that it stays until `isCurrent` is false. Called while a query is answered;
   * undefined in blocks where some plugin before this one is not {@link repeatable}.
   */
  readonly lasting: Mark | undefined;
  /** Runs when this configuration ends, by a reload or for good. */
  onStop(hook: (final: boolean) => void | Promise<void>): void;
}

export type Mark = (
  reply: Reply,
  until: Pick<Lasting, 'isCurrent'> & Partial<Pick<Lasting, 'serial'>>,
  watcher?: RepeatWatcher,
) => Reply;

export interface Block {
  /** Normalised: lower case, fully qualified. */
  readonly zones: readonly string[];
  readonly port: number;
  /** Addresses to listen on; empty is all. The `bind` plugin fills it. */
  hosts: string[];
  /** Names of the plugins of this block, in order. */
  readonly plugins: string[];
  /** Told by plugins that are not ready at once; asked by `ready`. */
  readonly readiness: Readiness[];
  /** Asks this server itself, through the whole chain: how CNAME targets outside a zone are found. */
  lookup: Handler;
  /** How zones are copied to other servers; `transfer` decides to whom. */
  readonly transferers: Transferer[];
  /** By plugin: the search path of a client, for `autopath @PLUGIN`. */
  readonly searchPaths: Map<string, SearchPath>;
  /** What plugins can tell about a query before it is answered. */
  readonly metadata: MetadataProvider[];
}

/** Labels and how their values are found out. */
export type MetadataProvider = (query: Query) => Iterable<readonly [label: string, value: () => string]>;

/** All records of a zone, between two copies of its SOA; undefined for a zone that the plugin does not have. */
export type Transferer = (zone: string) => readonly ResourceRecord[] | undefined;

/** The zones that a client would try to put a name in, an empty one for the name itself; undefined: do not search. */
export type SearchPath = (query: Query) => readonly string[] | undefined;

export interface Readiness {
  name: string;
  ready: () => boolean;
}

/** What the program offers to its plugins. */
export interface Surroundings {
  /** The API, by `client` or in-cluster configuration; throws where there is none. */
  client(): Client;
  /** Objects to serve instead of an API's. */
  readonly objects?: readonly KubeObject[] | undefined;
  readonly http: HttpPool;
  readonly metrics: Metrics;
  readonly log: Log;
  /** What `ready` waits for, by the address it is asked at: of all server blocks of this configuration. */
  readonly readiness: Map<string, Readiness[]>;
  /** Addresses of this machine, for the zone's NS records. */
  readonly localAddresses: () => string[];
  /** Ends the program with an error: `loop` does, when it finds one. */
  readonly fatal: (error: Error) => void;
  /** `reload` asks for the Corefile to be looked at again every so many milliseconds. */
  readonly watchCorefile: (interval: number) => void;
}

/** Lines as CoreDNS writes them: `[INFO] plugin/ready: …`. */
export interface Log {
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
  /** A line without a level. */
  plain(text: string): void;
}

/** Applies `then` to a reply that may not be there yet. */
export function whenReplied<T>(reply: Reply | Promise<Reply>, then: (reply: Reply) => T): T | Promise<T> {
  return reply instanceof Promise ? reply.then(then) : then(reply);
}

/** What the end of a chain throws; upstream: plugin.NextOrFailure. */
export class NoNextPlugin extends Error {
  override name = 'NoNextPlugin';

  constructor() {
    super('no next plugin found');
  }
}
