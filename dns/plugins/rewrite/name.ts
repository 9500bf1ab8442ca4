import type { ResourceRecord } from '../../wire/message.ts';
import { createPatternReplace, createReplace, isMatchType, normalName, type Replace } from './match.ts';
import { type Respond, type Rewrite, renamed, targetOf, withTarget } from './rule.ts';

/**
 * Reads `[TYPE] FROM TO [answer auto|name FROM TO|value FROM TO]…`. Throws an Error without a place. Upstream:
 * plugin/rewrite/name.go.
 */
export function parseNameRule(args: readonly string[]): Rewrite {
  if (args.length < 2) throw new Error('too few arguments for a name rule');
  const [first = '', second = '', third = ''] = args;
  const type = args.length === 2 ? 'exact' : first.toLowerCase();
  if (!isMatchType(type))
    throw new Error(
      `name rule supports only exact, prefix, suffix, substring, and regex name matching, received: ${type}`,
    );
  const [from, to] = args.length === 2 ? [first, second] : [second, third];
  const { auto, respond } =
    args.length > 3 ? parseAnswerRules(type, args.slice(3)) : { auto: false, respond: [] };
  const replace = createReplace(type, from, to);
  const back: Respond[] =
    type === 'suffix' && auto ? namesAndValues(swapSuffix(normalName(to), normalName(from))) : [];

  return (query) => {
    const name = replace(query.lower);
    if (name === undefined) return undefined;
    const dynamic =
      type === 'exact' || (auto && type !== 'suffix') ? namesAndValues(swapName(name, query.name)) : back;
    return { query: renamed(query, name), respond: [...dynamic, ...respond] };
  };
}

function parseAnswerRules(type: string, args: readonly string[]): { auto: boolean; respond: Respond[] } {
  const respond: Respond[] = [];
  let auto = false;
  let hasName = false;
  if (args.length < 2) throw new Error(`invalid arguments for ${type} rule`);
  if (args[0] !== 'answer')
    throw new Error(`exceeded the number of arguments for a non-answer rule argument for ${type} rule`);
  for (let at = 0; at < args.length; ) {
    if (args[at] === 'answer') at++;
    const kind = args[at++];
    if (kind === undefined) throw new Error(`type missing for answer rule for ${type} rule`);
    if (kind === 'auto') {
      auto = true;
      continue;
    }
    if (kind !== 'name' && kind !== 'value')
      throw new Error(`invalid type ${JSON.stringify(kind)} for answer rule for ${type} rule`);
    const [from, to] = [args[at++], args[at++]];
    if (from === undefined || to === undefined)
      throw new Error(`${kind} answer rule for ${type} rule: 2 arguments required`);
    const replace = createPatternReplace(from, to);
    if (kind === 'name') respond.push({ record: (record) => withName(record, replace) });
    else respond.push({ record: (record) => withValue(record, replace) });
    hasName ||= kind === 'name';
  }
  if (auto && hasName)
    throw new Error('auto name answer rule cannot be combined with explicit name answer rules');
  return { auto, respond };
}

function namesAndValues(replace: Replace): Respond[] {
  return [
    { record: (record) => withName(record, replace) },
    { record: (record) => withValue(record, replace) },
  ];
}

function withName(record: ResourceRecord, replace: Replace): ResourceRecord {
  const name = replace(record.name);
  return name === undefined ? record : { ...record, name };
}

function withValue(record: ResourceRecord, replace: Replace): ResourceRecord {
  const target = targetOf(record);
  const instead = target === undefined ? undefined : replace(target);
  return instead === undefined ? record : withTarget(record, instead);
}

/** The name itself and names below it. */
function swapName(from: string, to: string): Replace {
  return (name) => {
    const lower = name.toLowerCase();
    if (lower === from) return to;
    return lower.endsWith(`.${from}`) ? name.slice(0, name.length - from.length) + to : undefined;
  };
}

function swapSuffix(from: string, to: string): Replace {
  return (name) =>
    name.toLowerCase().endsWith(from) ? name.slice(0, name.length - from.length) + to : undefined;
}
