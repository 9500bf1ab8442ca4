import { isMap } from './schema/schema.ts';

type Step = (value: unknown) => unknown[];

const known = new Map<string, Step[] | undefined>();

/**
 * The values that a path leads to, as in a printer column: `.spec.replicas`, `.spec.ports[0].port`,
 * `.status.conditions[?(@.type=="Ready")].status`, `.metadata.annotations['a\.b']`, `.spec.items[*]`. What is not there
 * is left out. Upstream: client-go `util/jsonpath`, with missing keys allowed.
 */
export function lookUp(value: unknown, path: string): unknown[] {
  const steps = compile(path) ?? [() => []];
  let values: unknown[] = [value];
  for (const step of steps) values = values.flatMap(step);
  return values.filter((one) => one !== undefined);
}

/** Whether it is a path at all. */
export function isPath(path: string): boolean {
  return compile(path) !== undefined;
}

function compile(path: string): Step[] | undefined {
  if (!known.has(path)) known.set(path, parse(path));
  return known.get(path);
}

const token =
  /^(?:\.\.(?<deep>(?:\\.|[^.[\]\\])+)|\.?\[\?\((?<filter>(?:"[^"]*"|'[^']*'|[^)])*)\)\]|\.?\[(?<index>[^\]]*)\]|\.(?<name>(?:\\.|[^.[\]\\])+)|\.)/;

function parse(path: string): Step[] | undefined {
  const steps: Step[] = [];
  let rest = path.replace(/^\{|\}$/g, '').replace(/^\$/, '');
  if (rest !== '' && !/^[.[]/.test(rest)) rest = `.${rest}`;
  while (rest !== '') {
    const found = token.exec(rest);
    if (!found) return undefined;
    const { deep, filter, index, name } = found.groups ?? {};
    if (deep !== undefined) steps.push((value) => descend(value, plain(deep)));
    else if (filter !== undefined) {
      const keep = parseFilter(filter);
      if (!keep) return undefined;
      steps.push((value) => children(value).filter(keep));
    } else if (index !== undefined) {
      const step = parseIndex(index.trim());
      if (!step) return undefined;
      steps.push(step);
    } else if (name !== undefined) steps.push(name === '*' ? children : member(plain(name)));
    rest = rest.slice(found[0].length);
  }
  return steps;
}

const plain = (name: string) => name.replace(/\\(.)/g, '$1');

const member =
  (name: string): Step =>
  (value) =>
    isMap(value) && Object.hasOwn(value, name) ? [value[name]] : [];

function children(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isMap(value) ? Object.values(value) : [];
}

function descend(value: unknown, name: string): unknown[] {
  const own = name === '*' ? children(value) : member(name)(value);
  return [...own, ...children(value).flatMap((child) => descend(child, name))];
}

/** `0`, `-1`, `0:2`, `0,2`, `*`, `'a.b'`. */
function parseIndex(text: string): Step | undefined {
  if (text === '*') return children;
  const quoted = /^(["'])(.*)\1$/.exec(text);
  if (quoted) return member(plain(quoted[2] ?? ''));
  const range = /^(-?\d*):(-?\d*)(?::(\d+))?$/.exec(text);
  if (range) {
    const [, from = '', to = '', every = '1'] = range;
    return (value) =>
      Array.isArray(value)
        ? value
            .slice(Number(from), to === '' ? undefined : Number(to))
            .filter((_, at) => at % Number(every) === 0)
        : [];
  }
  if (!/^-?\d+(,\s*-?\d+)*$/.test(text)) return undefined;
  const places = text.split(',').map(Number);
  return (value) => (Array.isArray(value) ? places.map((place) => value.at(place)) : []);
}

/** `@.type=="Ready"`, `@.count>1`, `@.enabled`. */
function parseFilter(text: string): ((item: unknown) => boolean) | undefined {
  const compared = /^\s*@(?<path>[^=!<>]*?)\s*(?<operator>==|!=|<=|>=|<|>)\s*(?<literal>.+?)\s*$/.exec(text);
  if (!compared) {
    const [, path] = /^\s*@(\S*)\s*$/.exec(text) ?? [];
    return path === undefined ? undefined : (item) => lookUp(item, path).length > 0;
  }
  const { path = '', operator = '', literal = '' } = compared.groups ?? {};
  const wanted = parseLiteral(literal);
  if (wanted === undefined) return undefined;
  return (item) => lookUp(item, path).some((value) => compare(value, operator, wanted));
}

function parseLiteral(text: string): string | number | boolean | undefined {
  const quoted = /^(["'])(.*)\1$/.exec(text);
  if (quoted) return plain(quoted[2] ?? '');
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

function compare(value: unknown, operator: string, wanted: string | number | boolean): boolean {
  if (operator === '!=') return value !== wanted;
  if (typeof value !== typeof wanted) return false;
  const own = value as typeof wanted;
  switch (operator) {
    case '==':
      return own === wanted;
    case '<':
      return own < wanted;
    case '<=':
      return own <= wanted;
    case '>':
      return own > wanted;
    default:
      return own >= wanted;
  }
}
