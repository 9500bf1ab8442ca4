import { parseInteger } from '../../corefile/values.ts';
import type { Handler } from '../../plugin.ts';
import { classCode, type Query, type Reply, rcodeOf, typeCode } from '../../wire/message.ts';
import { createReplace, createTest, isMatchType, type MatchType, type Replace } from './match.ts';
import { type Rewrite, renamed } from './rule.ts';

/** `type FROM TO`: another type is asked for. These throw Errors without a place. */
export function parseTypeRule(args: readonly string[]): Rewrite {
  const [from, to] = exactlyTwo('type', args).map((text) => {
    const upper = text.toUpperCase();
    if (typeCode(upper) === undefined) throw new Error(`invalid type ${JSON.stringify(upper)}`);
    return upper;
  });
  return (query) => (query.type === from ? { query: { ...query, type: to ?? '' }, respond: [] } : undefined);
}

/** `class FROM TO`. */
export function parseClassRule(args: readonly string[]): Rewrite {
  const [from, to] = exactlyTwo('class', args).map((text) => {
    const code = classCode(text.toUpperCase());
    if (code === undefined) throw new Error(`invalid class ${JSON.stringify(text.toUpperCase())}`);
    return code;
  });
  return (query) => (query.class === from ? { query: { ...query, class: to ?? 1 }, respond: [] } : undefined);
}

/** `ttl [TYPE] NAME SECONDS|MIN-MAX`: keeps the TTLs of replies within bounds. */
export function parseTtlRule(args: readonly string[]): Rewrite {
  if (args.length < 2) throw new Error(`too few (${args.length}) arguments for a ttl rule`);
  const { matches, rest } = parseTest('ttl', args, 1);
  const [text = ''] = rest;
  const bounds = parseBounds(text);
  if (!bounds) throw new Error(`invalid TTL '${text}' for a ttl rule`);
  const [least, most] = bounds;
  return (query) =>
    matches(query.lower)
      ? {
          query,
          respond: [
            { record: (record) => ({ ...record, ttl: Math.min(Math.max(record.ttl, least), most) }) },
          ],
        }
      : undefined;
}

/** `rcode [TYPE] NAME FROM TO`: by name or number. */
export function parseRcodeRule(args: readonly string[]): Rewrite {
  if (args.length < 3) throw new Error(`too few (${args.length}) arguments for a rcode rule`);
  const { matches, rest } = parseTest('rcode', args, 2);
  const [from, to] = rest.map((text) => {
    const number = parseInteger(text);
    const rcode = number === undefined ? rcodeOf(text) : number <= 23 ? number : undefined;
    if (rcode === undefined) throw new Error(`invalid RCODE '${text}' for a rcode rule`);
    return rcode;
  });
  const change = (reply: Reply): Reply => (reply.rcode === from ? { ...reply, rcode: to ?? 0 } : reply);
  return (query) => (matches(query.lower) ? { query, respond: [{ reply: change }] } : undefined);
}

/** `cname [TYPE] FROM TO`: replies whose CNAME leads to FROM get what TO has instead, which `ask` finds out. */
export function parseCnameRule(args: readonly string[], ask: Handler): Rewrite {
  const [first = '', second = '', third = ''] = args;
  const type = args.length === 3 ? first.toLowerCase() : 'exact';
  if (args.length !== 2 && args.length !== 3)
    throw new Error(`too few (${args.length}) arguments for a cname rule`);
  if (!isMatchType(type)) throw new Error(`unknown cname rewrite type: ${type}`);
  const replace = createReplace(
    type,
    ...(args.length === 3 ? ([second, third] as const) : ([first, second] as const)),
  );
  return (query) => ({ query, respond: [{ reply: (reply) => redirected(reply, query, replace, ask) }] });
}

async function redirected(reply: Reply, query: Query, replace: Replace, ask: Handler): Promise<Reply> {
  for (const [index, record] of reply.answers.entries()) {
    const target = record.type === 'CNAME' ? replace(record.data.toLowerCase()) : undefined;
    if (record.type !== 'CNAME' || target === undefined) continue;
    try {
      const found = await ask({ ...renamed(query, target), chased: (query.chased ?? 0) + 1 });
      const before = reply.answers.slice(0, index).filter(({ type }) => type === 'CNAME');
      return {
        ...reply,
        truncated: found.truncated ?? false,
        answers: [...before, { ...record, data: target }, ...found.answers],
      };
    } catch {
      return reply; // as upstream: what cannot be found out is left as it was
    }
  }
  return reply;
}

/** `[TYPE] NAME` before so many further arguments. */
function parseTest(
  rule: string,
  args: readonly string[],
  further: number,
): { matches: (name: string) => boolean; rest: readonly string[] } {
  const isTyped = args.length === further + 2;
  if (!isTyped && args.length !== further + 1) throw new Error(`too many arguments for a ${rule} rule`);
  const type = isTyped ? (args[0] ?? '').toLowerCase() : 'exact';
  if (!isMatchType(type))
    throw new Error(`${rule} rule supports only exact, prefix, suffix, substring, and regex name matching`);
  const name = args[isTyped ? 1 : 0] ?? '';
  return { matches: createTest(type satisfies MatchType, name), rest: args.slice(-further) };
}

/** Least and most of `30`, `30-300`, `-30`, `30-`. */
function parseBounds(text: string): [number, number] | undefined {
  const match = /^(\d*)(-?)(\d*)$/.exec(text);
  const [, low = '', dash, high = ''] = match ?? [];
  if (!match || (low === '' && high === '')) return undefined;
  if (dash === '') return Number(low) < 2 ** 32 ? [Number(low), Number(low)] : undefined;
  const least = Number(low || 0);
  const most = high === '' ? 2_147_483_647 : Number(high);
  return least <= most && most < 2 ** 32 ? [least, most] : undefined;
}

function exactlyTwo(rule: string, args: readonly string[]): readonly string[] {
  if (args.length !== 2) throw new Error(`${rule} rules must have exactly two arguments`);
  return args;
}
