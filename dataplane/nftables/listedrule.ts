import { mergedIntervals } from './intervals.ts';

/** A piece of nft's JSON: a value, or an object with one field that says what it is. */
type Json = string | number | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * One rule of nft's JSON in the wording this room writes, after {@link normalRule}. What is not in our
 * vocabulary stays JSON, and so equals no rule of ours. See libnftables-json(5).
 */
export function ruleText(rule: Record<string, unknown>): string {
  const words = ((rule.expr ?? []) as Json[]).map(valueText);
  if (rule.comment) words.push(`comment "${String(rule.comment)}"`);
  return normalRule(words.join(' '));
}

/**
 * A rule's text without what nft does not keep: braces around a single value, the order in a set, how a time
 * is written, a protocol that the port behind it says again.
 */
export function normalRule(rule: string): string {
  return rule
    .replace(/\{ ([^{}]*) \}/g, (_, inner: string) => {
      const written = inner.split(',').map((item) => item.trim());
      const items = mergedIntervals(written) ?? written;
      if (items.length === 1 && !/ : | timeout |^ip6? saddr$/.test(inner)) return items[0] ?? '';
      return `{ ${items.sort().join(', ')} }`;
    })
    .replace(/timeout (\w+)/, (_, text: string) => `timeout ${seconds(text)}s`)
    .replace(/meta l4proto (tcp|udp|sctp) (?=.*\b\1 [sd]port\b)/, '');
}

/** Of `1d3h20m5s`. nft has no JSON for a map that packets update, and lists it so. */
function seconds(text: string): number {
  const units: Readonly<Record<string, number>> = { d: 86_400, h: 3_600, m: 60, s: 1 };
  let sum = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+)([dhms])/g))
    sum += Number(number) * (units[unit] ?? 0);
  return sum;
}

/** One expression or statement as text. */
export function valueText(json: unknown): string {
  const value = json as Json;
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (value === null || Array.isArray(value)) return JSON.stringify(value);
  const [kind, content] = Object.entries(value)[0] ?? ['', null];
  const write = writers[kind];
  return write ? write(content as never) : JSON.stringify(value);
}

interface Payload {
  protocol: string;
  field: string;
}
interface Match {
  op: string;
  left: Json;
  right: Json;
}
interface Mapping {
  key: Json;
  data: Json;
}

const list = (values: readonly Json[], separator: string) => values.map(valueText).join(separator);

/** By the JSON's own names. */
const writers: Readonly<Record<string, (content: never) => string>> = {
  payload: ({ protocol, field }: Payload) => `${protocol} ${field}`,
  meta: ({ key }: { key: string }) => (key === 'l4proto' ? `meta ${key}` : key),
  ct: ({ key, dir }: { key: string; dir?: string }) => `ct ${dir ? `${dir} ` : ''}${key}`,
  fib: ({ result, flags }: { result: string; flags: string | string[] }) =>
    `fib ${[flags].flat().join(' . ')} ${result}`,
  range: (ends: readonly Json[]) => list(ends, '-'),
  numgen: ({ mode, mod, offset }: { mode: string; mod: number; offset?: number }) =>
    `numgen ${mode} mod ${mod}${offset ? ` offset ${offset}` : ''}`,
  jhash: ({ expr, mod }: { expr: Json; mod: number }) => `jhash ${valueText(expr)} mod ${mod}`,
  prefix: ({ addr, len }: { addr: Json; len: number }) => `${valueText(addr)}/${len}`,
  concat: (parts: readonly Json[]) => list(parts, ' . '),
  set: (content: readonly Json[] | { op: string; elem: Json; set: string }) =>
    Array.isArray(content)
      ? `{ ${content.map((one: Json) => (Array.isArray(one) ? list(one, ' : ') : valueText(one))).join(', ')} }`
      : updateText(content as { op: string; elem: Json; set: string }),
  map: (content: Mapping | { op: string; elem: Json; data: Json; map: string }) =>
    'op' in content
      ? updateText({ ...content, set: content.map })
      : `${valueText(content.key)} map ${valueText(content.data)}`,
  vmap: ({ key, data }: Mapping) => `${valueText(key)} vmap ${valueText(data)}`,
  elem: ({ val, timeout }: { val: Json; timeout?: number }) =>
    `${valueText(val)}${timeout === undefined ? '' : ` timeout ${timeout}s`}`,
  '&': ([left, right]: readonly Json[]) => maskText(left, right),
  '|': ([left, right]: readonly Json[]) => `${valueText(left)} or ${hex(right)}`,
  '^': ([left, right]: readonly Json[]) => `${valueText(left)} xor ${hex(right)}`,
  match({ op, left, right }: Match) {
    // A comparison with a flag or with the outcome of a mask.
    const masked = typeof left === 'object' && left !== null && '&' in left;
    const sign = op === '==' || op === 'in' ? (masked ? ' ==' : '') : ` ${op}`;
    const interfaceName = typeof left === 'object' && /iifname/.test(JSON.stringify(left));
    return `${valueText(left)}${sign} ${interfaceName ? `"${valueText(right)}"` : valueText(right)}`;
  },
  mangle: ({ key, value }: { key: Json; value: Json }) => `${valueText(key)} set ${valueText(value)}`,
  jump: ({ target }: { target: string }) => `jump ${target}`,
  goto: ({ target }: { target: string }) => `goto ${target}`,
  return: () => 'return',
  drop: () => 'drop',
  accept: () => 'accept',
  reject: (how: { expr?: string } | null) =>
    !how || how.expr === 'port-unreachable' ? 'reject' : `reject ${JSON.stringify(how)}`,
  masquerade: (how: { flags?: string | string[] } | null) =>
    ['masquerade', ...[how?.flags ?? []].flat()].join(' '),
  dnat: ({ addr, port }: { addr: Json; port?: number }) => {
    const to = valueText(addr);
    if (port === undefined) return `dnat to ${to}`;
    return `dnat to ${to.includes(':') ? `[${to}]` : to}:${port}`;
  },
};

function updateText({ op, elem, data, set }: { op: string; elem: Json; data?: Json; set: string }): string {
  return `${op} ${set} { ${valueText(elem)}${data === undefined ? '' : ` : ${valueText(data)}`} }`;
}

/** Addresses are masked in parentheses, the mark is not. */
function maskText(left: Json | undefined, right: Json | undefined): string {
  const text = valueText(left);
  return typeof right === 'number' && text === 'mark'
    ? `mark and ${hex(right)}`
    : `(${text} and ${valueText(right)})`;
}

const hex = (value: Json | undefined) =>
  typeof value === 'number' ? `0x${value.toString(16)}` : valueText(value ?? null);
