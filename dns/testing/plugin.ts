import type { KubeObject } from '../../api/object.ts';
import { createDispenser } from '../corefile/dispenser.ts';
import { parseCorefile } from '../corefile/parse.ts';
import type { Block, Controller, Handler, Plugin, Surroundings } from '../plugin.ts';
import { createHttpPool } from '../server/http.ts';
import { createInstance, type Instance } from '../server/instance.ts';
import { createMetrics } from '../server/metrics.ts';
import { createTestLog } from './ask.ts';

/** Surroundings without an API; `lines` of the log can be looked at. */
export function testSurroundings(extra: Partial<Surroundings> = {}): Surroundings & { lines: string[] } {
  const log = createTestLog();
  return {
    client: () => {
      throw new Error('there is no API here');
    },
    objects: [],
    http: createHttpPool(),
    metrics: createMetrics(),
    log,
    lines: log.lines,
    readiness: new Map(),
    localAddresses: () => ['127.0.0.1'],
    fatal: (error) => {
      throw error;
    },
    watchCorefile: () => {},
    ...extra,
  };
}

/** Sets a Corefile up without opening anything. */
export function instanceOf(corefile: string, extra: Partial<Surroundings> = {}): Instance {
  return createInstance(corefile, 'Corefile', 53, testSurroundings(extra));
}

/** The chain that the only server block of a Corefile makes. */
export function chainOf(
  corefile: string,
  objects: readonly KubeObject[] = [],
  extra: Partial<Surroundings> = {},
): Handler {
  const [listener] = instanceOf(corefile, { objects, ...extra }).listeners.values();
  const [handler] = listener?.zones.values() ?? [];
  if (!handler) throw new Error('the Corefile has no server block');
  return handler;
}

/** A plugin by itself: what it was given, and what it does when it starts and stops. */
export interface SetUp {
  /** Puts the plugin in front of the end of a chain. */
  before(end: Handler): Handler;
  block: Block;
  surroundings: Surroundings & { lines: string[] };
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Sets one plugin up by its directives, in a block for `zones`. */
export function setUp(
  plugin: Plugin,
  directives: string,
  { zones = ['.'], lookup }: { zones?: string[]; lookup?: Handler } = {},
): SetUp {
  const [parsed] = parseCorefile(`. {\n ${directives}\n}`, 'Corefile');
  const tokens = parsed?.directives.get(plugin.name);
  if (!tokens) throw new Error(`no ${plugin.name} in ${directives}`);
  const hooks = {
    start: [] as (() => unknown)[],
    serving: [] as (() => unknown)[],
    stop: [] as (() => unknown)[],
  };
  const surroundings = testSurroundings();
  const block: Block = {
    zones,
    port: 53,
    hosts: [],
    plugins: [plugin.name],
    readiness: [],
    transferers: [],
    searchPaths: new Map(),
    metadata: [],
    lookup: (query) => {
      if (lookup) return lookup(query);
      throw new Error(`nobody to ask for ${query.name}`);
    },
  };
  const controller: Controller = {
    tokens: createDispenser(plugin.name, tokens),
    block,
    surroundings,
    repeatable: () => {},
    lasting: undefined,
    onStart: (hook) => hooks.start.push(hook),
    onServing: (hook) => hooks.serving.push(hook),
    onStop: (hook) => hooks.stop.push(() => hook(true)),
  };
  const stage = plugin.setup(controller);
  return {
    before: (end) => stage?.(end) ?? end,
    block,
    surroundings,
    async start() {
      for (const hook of [...hooks.start, ...hooks.serving]) await hook();
    },
    async stop() {
      for (const hook of hooks.stop) await hook();
    },
  };
}
