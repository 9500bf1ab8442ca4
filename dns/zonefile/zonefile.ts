import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { ResourceRecord } from '../wire/message.ts';
import { fqdn } from '../wire/names.ts';
import { absoluteName, canonicalType, DataError, isType, parseSeconds, recordOf } from './data.ts';
import { type Entry, entriesOf, type Word, ZoneFileError } from './words.ts';

export interface ZoneFileOptions {
  /** What relative names end in until `$ORIGIN` says otherwise. */
  origin: string;
  /** For error messages, and where `$INCLUDE` looks. */
  file: string;
  /** Seconds, for records that have none before any `$TTL` or SOA. Default 3600. */
  ttl?: number;
  /** Reads what `$INCLUDE` names; replaced in tests. */
  readFile?: (path: string) => string;
}

interface State {
  origin: string;
  owner: string | undefined;
  ttl: number;
  /** `$TTL` has set {@link ttl}; until it does, the last TTL that a record stated holds. */
  isSet: boolean;
  depth: number;
}

const deepestInclude = 7;
const classes = new Set(['IN', 'CH', 'HS', 'CS', 'ANY']);

/**
 * Reads a zone file (RFC 1035 5, `$TTL` of RFC 2308 4): its records in their order. Throws {@link ZoneFileError}
 * with the file and the line.
 */
export function parseZoneFile(text: string, options: ZoneFileOptions): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  const { file, ttl = 3_600 } = options;
  const origin = fqdn(options.origin).toLowerCase();
  read(text, file, { origin, owner: undefined, ttl, isSet: false, depth: 0 }, options, records);
  return records;
}

/** One record, such as a line of a template: `example.org. 60 IN A 10.0.0.1`. Throws {@link ZoneFileError}. */
export function parseRecord(text: string, origin = '.'): ResourceRecord {
  const [record, ...more] = parseZoneFile(text, { origin, file: 'record' });
  if (!record || more.length > 0)
    throw new ZoneFileError(`one record is wanted here, not ${record ? more.length + 1 : 'none'}: ${text}`);
  return record;
}

function read(
  text: string,
  file: string,
  state: State,
  options: ZoneFileOptions,
  into: ResourceRecord[],
): void {
  for (const entry of entriesOf(text, file)) {
    try {
      if (entry.words[0]?.text.startsWith('$') && !entry.words[0].quoted)
        directive(entry, file, state, options, into);
      else into.push(record(entry, state));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      throw new ZoneFileError(`${file}:${entry.line} - ${error.message}`);
    }
  }
}

function record({ words, indented }: Entry, state: State): ResourceRecord {
  const rest = [...words];
  if (!indented || state.owner === undefined)
    state.owner = absoluteName(rest.shift()?.text ?? '', state.origin);
  const name = state.owner;
  let ttl: number | undefined;
  // TTL and class in either order; what comes then is the type.
  for (let word = rest[0]; word && !isTypeHere(rest); word = rest[0]) {
    const seconds = parseSeconds(word.text);
    if (seconds !== undefined && ttl === undefined) ttl = seconds;
    else if (!classes.has(word.text.toUpperCase())) break;
    rest.shift();
  }
  const type = rest.shift()?.text;
  if (type === undefined || !isType(type)) throw new DataError(`not a record type: ${type ?? 'nothing'}`);
  if (ttl !== undefined && !state.isSet) state.ttl = ttl;
  return recordOf({ name, ttl: ttl ?? state.ttl }, canonicalType(type), {
    words: rest,
    origin: state.origin,
  });
}

/** `ANY` is a class and a type; a type is followed by data. */
function isTypeHere([word]: Word[]): boolean {
  return word !== undefined && isType(word.text) && !classes.has(word.text.toUpperCase());
}

function directive(
  { words }: Entry,
  file: string,
  state: State,
  options: ZoneFileOptions,
  into: ResourceRecord[],
): void {
  const [name = '', argument = '', second] = words.map(({ text }) => text);
  switch (name.toUpperCase()) {
    case '$ORIGIN':
      state.origin = absoluteName(argument, state.origin);
      break;
    case '$TTL': {
      const ttl = parseSeconds(argument);
      if (ttl === undefined) throw new DataError(`$TTL is no time: ${argument}`);
      state.ttl = ttl;
      state.isSet = true;
      break;
    }
    case '$INCLUDE': {
      if (state.depth >= deepestInclude) throw new DataError(`too deeply nested $INCLUDE: ${argument}`);
      const path = isAbsolute(argument) ? argument : join(dirname(file), argument);
      const { readFile = (path: string) => readFileSync(path, 'utf8') } = options;
      let text: string;
      try {
        text = readFile(path);
      } catch (error) {
        throw new DataError(`failed to open $INCLUDE ${argument}: ${(error as Error).message}`);
      }
      const origin = second === undefined ? state.origin : absoluteName(second, state.origin);
      read(text, path, { ...state, origin, depth: state.depth + 1 }, options, into);
      break;
    }
    case '$GENERATE':
      generate(words, state, into);
      break;
    default:
      throw new DataError(`unknown directive: ${name}`);
  }
}

/** `$GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA`, `$` and `${OFFSET[,WIDTH[,BASE]]}` being the number. */
function generate([, range, ...template]: Word[], state: State, into: ResourceRecord[]): void {
  const match = /^(\d+)-(\d+)(?:\/(\d+))?$/.exec(range?.text ?? '');
  const [start, stop, step] = [Number(match?.[1]), Number(match?.[2]), Number(match?.[3] ?? 1)];
  if (!match || start > stop || step < 1 || stop > 65_535)
    throw new DataError(`bad $GENERATE range: ${range?.text}`);
  for (let value = start; value <= stop; value += step) {
    const words = template.map((word) => ({ ...word, text: generated(word.text, value) }));
    into.push(record({ line: 0, words, indented: false }, state));
  }
}

function generated(text: string, value: number): string {
  const form = /\\\$|\$\{(-?\d+)(?:,(\d+)(?:,([doxX]))?)?\}|\$\$|\$/g;
  return text.replace(form, (whole, offset?: string, width?: string, base?: string) => {
    if (whole === '\\$' || whole === '$$') return '$';
    const radix = base === 'o' ? 8 : base?.toLowerCase() === 'x' ? 16 : 10;
    const digits = (value + Number(offset ?? 0)).toString(radix).padStart(Number(width ?? 0), '0');
    return base === 'X' ? digits.toUpperCase() : digits;
  });
}
