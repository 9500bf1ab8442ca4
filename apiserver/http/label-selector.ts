import { statusError } from '../../api/status.ts';
import { invalid } from '../registry/kinds/validation/field.ts';
import { labelValue, qualifiedName } from '../registry/kinds/validation/names.ts';

export type Labels = Readonly<Record<string, string>>;

type Test = (labels: Labels) => boolean;

/** `text` empty: the end. An identifier is a key, a value, or the word of an operator. */
interface Token {
  kind: 'identifier' | 'symbol' | 'end';
  text: string;
}

const symbols = new Set(['(', ')', ',', '!', '=', '==', '!=', '>', '<']);
const operators = 'in, notin, =, ==, !=, gt, lt';
const has = (labels: Labels, name: string) => Object.hasOwn(labels, name);

/**
 * Compiles `labelSelector`: `app=web,tier!=db,env in (a,b),!legacy,weight>1`. Upstream: `apimachinery/pkg/labels/selector.go`.
 * @throws StatusError BadRequest in upstream's words
 */
export function parseLabelSelector(text: string): Test {
  const tokens = tokensOf(text);
  const requirements: Test[] = [];
  let at = 0;
  const look = (): Token => tokens[at] ?? { kind: 'end', text: '' };
  const take = (): Token => {
    const token = look();
    at += 1;
    return token;
  };
  const isSymbol = ({ kind, text: own }: Token, ...wanted: string[]) =>
    kind === 'symbol' && wanted.includes(own);
  const begins = (token: Token) => token.kind === 'identifier' || isSymbol(token, '!');

  while (look().kind !== 'end') {
    if (!begins(look())) throw wrong(look(), "!, identifier, or 'end of string'");
    requirements.push(requirement());
    const next = take();
    if (next.kind === 'end') break;
    if (!isSymbol(next, ',')) throw wrong(next, "',' or 'end of string'");
    if (!begins(look())) throw wrong(look(), "identifier after ','");
  }
  return (labels) => requirements.every((matches) => matches(labels));

  function requirement(): Test {
    const not = isSymbol(look(), '!');
    if (not) take();
    const { kind, text: key } = take();
    if (kind !== 'identifier') throw unparsable(`found '${key}', expected: identifier`);
    check('key', key, qualifiedName(key));
    if (not) return (labels) => !has(labels, key);
    if (look().kind === 'end' || isSymbol(look(), ',')) return (labels) => has(labels, key);
    return comparison(key);
  }

  function comparison(key: string): Test {
    const { kind, text: operator } = take();
    if (kind === 'identifier' && (operator === 'in' || operator === 'notin')) {
      const values = list();
      for (const [index, value] of values.entries())
        check(`values[${index}][${key}]`, value, labelValue(value));
      const isIn = (labels: Labels) => has(labels, key) && values.includes(labels[key] ?? '');
      return operator === 'in' ? isIn : (labels) => !isIn(labels);
    }
    if (kind !== 'symbol' || ['(', ')', ',', '!'].includes(operator)) {
      throw unparsable(`found '${operator}', expected: ${operators}`);
    }
    const value = exact();
    if (operator === '>' || operator === '<') return bounded(key, operator, value);
    check(`values[0][${key}]`, value, labelValue(value));
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }

  function exact(): string {
    if (look().kind === 'end' || isSymbol(look(), ',')) return '';
    const { kind, text: value } = take();
    if (kind !== 'identifier') throw unparsable(`found '${value}', expected: identifier`);
    return value;
  }

  /** `(a,b)`; nothing between two commas is a value, too. */
  function list(): string[] {
    const open = take();
    if (!isSymbol(open, '(')) throw unparsable(`found '${open.text}' expected: '('`);
    const values = new Set<string>();
    for (let value = ''; ; value = '') {
      if (look().kind === 'identifier') value = take().text;
      values.add(value);
      const next = take();
      if (isSymbol(next, ')')) return [...values].sort();
      if (!isSymbol(next, ',')) {
        throw unparsable(
          `found '${next.text}', expected: ${value ? "',' or ')'" : "',', ')' or identifier"}`,
        );
      }
    }
  }
}

function bounded(key: string, operator: string, value: string): Test {
  const bound = Number(value);
  if (!/^[+-]?\d+$/.test(value)) {
    const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
    throw unparsable(`values[0][${key}]: ${invalid('', value, detail).message}`);
  }
  const number = (labels: Labels) =>
    /^[+-]?\d+$/.test(labels[key] ?? '') ? Number(labels[key]) : Number.NaN;
  return operator === '>' ? (labels) => number(labels) > bound : (labels) => number(labels) < bound;
}

function check(field: string, value: string, problems: readonly string[]): void {
  const [first] = problems;
  if (first !== undefined) throw unparsable(`${field}: ${invalid('', value, first).message}`);
}

function tokensOf(text: string): Token[] {
  const found: Token[] = [];
  for (let i = 0; i < text.length; ) {
    const two = text.slice(i, i + 2);
    const one = text[i] ?? '';
    if (/\s/.test(one)) i += 1;
    else if (symbols.has(two) || symbols.has(one)) {
      const symbol = symbols.has(two) ? two : one;
      found.push({ kind: 'symbol', text: symbol });
      i += symbol.length;
    } else {
      const [word = one] = /^[^\s()=!,<>]+/.exec(text.slice(i)) ?? [];
      found.push({ kind: 'identifier', text: word });
      i += word.length;
    }
  }
  return found;
}

/** What is wrong between requirements is told as it is, what is wrong in one as of it. */
function wrong({ text }: Token, expected: string) {
  return statusError('BadRequest', `found '${text}', expected: ${expected}`);
}

function unparsable(why: string) {
  return statusError('BadRequest', `unable to parse requirement: ${why}`);
}
