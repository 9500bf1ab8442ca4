import { createDispenser } from '../corefile/dispenser.ts';
import { CorefileError } from '../corefile/errors.ts';
import { parseCorefile, type ServerBlock } from '../corefile/parse.ts';
import { parseZoneKey } from '../corefile/zones.ts';
import {
  type Block,
  type Controller,
  type Handler,
  NoNextPlugin,
  type Plugin,
  type Stage,
  type Surroundings,
} from '../plugin.ts';
import { plugins } from '../plugins/order.ts';
import { emptyReply, Rcode } from '../wire/message.ts';
import { createMark, type Passed } from './lasting.ts';
import { createRepeats, type Repeats } from './repeats.ts';
import { serve } from './server.ts';

const classInternet = 1;

/** One reading of a Corefile, set up: what is to be served where, and the hooks of its plugins. */
export interface Instance {
  /** By listen address; the key is `HOST:PORT`, an empty host is all addresses. */
  listeners: Map<string, { host: string; port: number; zones: Map<string, Handler>; repeats: Repeats }>;
  start(): Promise<void>;
  /** To be called when the listeners serve this instance. */
  serving(): void;
  /** `final` is false when another configuration takes over. */
  stop(final: boolean): Promise<void>;
}

interface Hooks {
  start: (() => void | Promise<void>)[];
  serving: (() => void)[];
  stop: ((final: boolean) => void | Promise<void>)[];
}

/**
 * Sets up every plugin of every server block. Throws {@link CorefileError} for what is wrong in the Corefile;
 * nothing has been opened then.
 */
export function createInstance(
  text: string,
  file: string,
  defaultPort: number,
  surroundings: Surroundings,
): Instance {
  const known = new Set(plugins.map(({ name }) => name));
  const hooks: Hooks = { start: [], serving: [], stop: [] };
  const listeners: Instance['listeners'] = new Map();

  for (const parsed of parseCorefile(text, file, { known })) {
    const { byPort, zones } = placesOf(parsed, defaultPort);
    const block: Block = {
      zones,
      port: byPort[0]?.port ?? defaultPort,
      hosts: [],
      plugins: plugins.filter(({ name }) => parsed.directives.has(name)).map(({ name }) => name),
      readiness: [],
      transferers: [],
      searchPaths: new Map(),
      metadata: [],
      lookup: () => {
        throw new Error('the server has not started');
      },
    };
    const handler = chain(parsed, block, surroundings, hooks);
    for (const host of block.hosts.length > 0 ? block.hosts : ['']) {
      for (const { port, zone } of byPort) {
        const key = `${host}:${port}`;
        const listener = listeners.get(key) ?? { host, port, zones: new Map(), repeats: createRepeats() };
        listeners.set(key, listener);
        if (listener.zones.has(zone))
          throw new CorefileError(
            parsed.keys[0] ?? { file, line: 1 },
            `cannot serve dns://${zone}:${port}${host ? ` on ${host}` : ''} - it is already defined`,
          );
        listener.zones.set(zone, handler);
        block.lookup = (query) => serve(listener.zones, query);
      }
    }
  }
  if (listeners.size === 0)
    throw new CorefileError({ file, line: 1 }, 'there is no server block: write one such as ". { whoami }"');

  return {
    listeners,
    async start() {
      await Promise.all(hooks.start.map((hook) => hook()));
    },
    serving() {
      for (const hook of hooks.serving) hook();
    },
    async stop(final) {
      await Promise.all(hooks.stop.map((hook) => hook(final)));
    },
  };
}

/** The zones of a block's keys and the ports they are served on. */
function placesOf(
  { keys }: ServerBlock,
  defaultPort: number,
): { byPort: { port: number; zone: string }[]; zones: string[] } {
  const byPort: { port: number; zone: string }[] = [];
  for (const key of keys) {
    let parsed: ReturnType<typeof parseZoneKey>;
    try {
      parsed = parseZoneKey(key.text);
    } catch (error) {
      throw new CorefileError(key, (error as Error).message);
    }
    if (parsed.transport !== 'dns')
      throw new CorefileError(key, `transport '${parsed.transport}' is not supported: only dns:// is`);
    for (const zone of parsed.zones) byPort.push({ port: parsed.port ?? defaultPort, zone });
  }
  return { byPort, zones: byPort.map(({ zone }) => zone) };
}

function chain({ directives }: ServerBlock, block: Block, surroundings: Surroundings, hooks: Hooks): Handler {
  const stages: Stage[] = [];
  const before: Passed = { watchers: [], versions: [] };
  let isRepeatable = true;
  for (const plugin of plugins) {
    let said = false;
    const stage = setUp(plugin, ({ watcher, version } = {}) => {
      said = true;
      if (watcher) before.watchers.push(watcher);
      if (version) before.versions.push(version);
    });
    if (!stage) continue;
    stages.push(stage);
    isRepeatable &&= said;
  }
  const end: Handler = () => {
    throw new NoNextPlugin();
  };
  const first = stages.reduceRight((next, stage) => stage(next), end);
  // Other classes than IN are passed on to those who may know them, and to nobody else; upstream: EnableChaos.
  if (directives.has('forward')) return first;
  return (query) => (query.class === classInternet ? first(query) : emptyReply(Rcode.REFUSED));

  function setUp({ name, setup }: Plugin, repeatable: Controller['repeatable']): Stage | undefined {
    const words = directives.get(name);
    if (!words) return undefined;
    const tokens = createDispenser(name, words);
    const controller: Controller = {
      tokens,
      block,
      surroundings,
      repeatable,
      lasting: isRepeatable
        ? createMark({ watchers: [...before.watchers], versions: [...before.versions] })
        : undefined,
      onStart: (hook) => hooks.start.push(hook),
      onServing: (hook) => hooks.serving.push(hook),
      onStop: (hook) => hooks.stop.push(hook),
    };
    try {
      const stage = setup(controller);
      if (!tokens.next()) return stage;
      // A plugin that has not read all of its words does not know them.
      throw tokens.value === name
        ? tokens.error('plugin can only be used once per Server Block')
        : tokens.unknownProperty();
    } catch (error) {
      throw error instanceof CorefileError ? error : tokens.error((error as Error).message);
    }
  }
}
