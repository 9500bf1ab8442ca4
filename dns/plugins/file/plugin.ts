import { readFileSync, statSync } from 'node:fs';
import { parseDuration } from '../../../api/duration.ts';
import { zonesFromArgs } from '../../corefile/zones.ts';
import type { Controller, Handler, Plugin } from '../../plugin.ts';
import { emptyReply, type Query, Rcode, type Reply } from '../../wire/message.ts';
import { matchZone } from '../../wire/names.ts';
import { parseZoneFile } from '../../zonefile/zonefile.ts';
import { createFallthrough, type Fallthrough } from '../fallthrough.ts';
import { type Found, lookup } from './lookup.ts';
import { createZone, type Zone } from './zone.ts';

/** A zone and where it comes from; `zone` is undefined while its file is missing. */
interface Source {
  file: string;
  origin: string;
  zone: Zone | undefined;
  /** Milliseconds. */
  reload: number;
  byTime: boolean;
  changed: number;
}

/** Answers from zone files. */
export const file: Plugin = {
  name: 'file',
  setup(controller) {
    const { block, surroundings } = controller;
    const { sources, fallthrough } = parseOptions(controller);
    const timers: NodeJS.Timeout[] = [];
    controller.onServing(() => {
      for (const source of sources.values())
        if (source.reload > 0)
          timers.push(setInterval(() => reload(source, surroundings.log), source.reload).unref());
    });
    controller.onStop(() => {
      for (const timer of timers) clearInterval(timer);
    });
    block.transferers.push((name) => {
      const zone = sources.get(name)?.zone;
      return zone && [...zone.records(), zone.soa];
    });
    return (next) => createHandler(sources, fallthrough, (query) => block.lookup(query), next);
  },
};

function parseOptions({ tokens, block, surroundings: { log } }: Controller): {
  sources: Map<string, Source>;
  fallthrough: Fallthrough;
} {
  const sources = new Map<string, Source>();
  let fallthrough = createFallthrough(undefined);
  while (tokens.next()) {
    const [path, ...zones] = tokens.remainingArgs();
    if (path === undefined) throw tokens.argError();
    const mine = zonesFromArgs(zones, block.zones).map(
      (origin): Source => ({
        file: path,
        origin,
        zone: undefined,
        reload: 60_000,
        byTime: false,
        changed: 0,
      }),
    );
    for (const source of mine) {
      sources.set(source.origin, source);
      try {
        source.zone = read(source);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code === undefined) throw tokens.error(message);
        log.warning(`plugin/file: Failed to open ${JSON.stringify(path)}: ${message}; trying again`);
      }
    }
    while (tokens.nextBlock()) {
      switch (tokens.value) {
        case 'fallthrough':
          fallthrough = createFallthrough(tokens.remainingArgs());
          break;
        case 'reload': {
          const [text] = tokens.remainingArgs();
          if (text === undefined) throw tokens.error('reload duration value is expected');
          const duration = parseDuration(text);
          if (duration === undefined) throw tokens.error(`invalid duration for reload '${text}'`);
          for (const source of mine) source.reload = duration;
          break;
        }
        case 'reload_by_mtime':
          for (const source of mine) source.byTime = true;
          break;
        case 'upstream': // until CoreDNS 1.6; CNAMEs are always followed through this server itself
          tokens.remainingArgs();
          break;
        default:
          throw tokens.unknownProperty();
      }
    }
    const missing = mine.find(({ zone, reload }) => !zone && reload === 0);
    if (missing) throw tokens.error(`cannot open ${JSON.stringify(path)}, and reload is 0`);
  }
  return { sources, fallthrough };
}

function read(source: Source): Zone {
  source.changed = statSync(source.file).mtimeMs;
  const text = readFileSync(source.file, 'utf8');
  const records = parseZoneFile(text, { origin: source.origin, file: source.file });
  return createZone(source.origin, records, source.file);
}

/** A zone takes the place of the one before when its serial differs; a broken file changes nothing. */
function reload(source: Source, log: { info(text: string): void; error(text: string): void }): void {
  try {
    if (source.byTime && source.zone && statSync(source.file).mtimeMs <= source.changed) return;
    const before = source.zone?.soa.data.serial;
    const zone = read(source);
    const { serial } = zone.soa.data;
    if (!source.byTime && serial === before) return;
    source.zone = zone;
    log.info(
      `plugin/file: Successfully reloaded zone ${JSON.stringify(source.origin)} in ${JSON.stringify(source.file)} with ${serial} SOA serial`,
    );
  } catch (error) {
    log.error(`plugin/file: Parsing zone ${JSON.stringify(source.origin)}: ${(error as Error).message}`);
  }
}

function createHandler(
  sources: ReadonlyMap<string, Source>,
  fallthrough: Fallthrough,
  ask: Handler,
  next: Handler,
): Handler {
  const origins = [...sources.keys()];

  const finish = (query: Query, { reply, missing }: Found): Reply | Promise<Reply> =>
    missing && fallthrough.through(query.lower) ? next(query) : reply;

  return (query) => {
    const zone = sources.get(matchZone(origins, query.lower) ?? '');
    if (!zone) return next(query);
    if (!zone.zone) return emptyReply(Rcode.SERVFAIL);
    if (query.type === 'AXFR' || query.type === 'IXFR') return emptyReply(Rcode.REFUSED);
    const elsewhere = async (name: string): Promise<Reply | undefined> => {
      if ((query.chased ?? 0) >= mostChased) throw new Error(`CNAME records of ${query.name} never end`);
      try {
        return await ask({ ...query, name, lower: name.toLowerCase(), chased: (query.chased ?? 0) + 1 });
      } catch {
        return undefined; // the CNAME is given with SERVFAIL, as RFC 6604 3 has it
      }
    };
    const found = lookup(zone.zone, query, elsewhere);
    return found instanceof Promise ? found.then((ready) => finish(query, ready)) : finish(query, found);
  };
}

const mostChased = 8;
