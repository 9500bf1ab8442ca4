/** What a template is filled in with: text, numbers, lists and maps of them. */
export type Value =
  | string
  | number
  | boolean
  | readonly Value[]
  | { readonly [key: string]: Value }
  | undefined;

/** A template that was read; throws an Error when it cannot be filled in. */
export type Template = (data: { readonly [key: string]: Value }) => string;

type Evaluate = (data: Value) => Value;
type Write = (data: Value) => string;

/**
 * Reads the part of Go's text/template that Corefiles use: `{{ .Field.Sub }}`, `{{ index .Match 1 }}`,
 * `{{ if }}…{{ else }}…{{ end }}`, `{{- -}}`, pipes, parentheses, comments, and the functions of
 * {@link functions}. Throws an Error that names what is not understood.
 */
export function compileTemplate(text: string): Template {
  const pieces = piecesOf(text);
  let at = 0;

  function list(...stops: string[]): { write: Write; stop: string } {
    const parts: Write[] = [];
    for (; at < pieces.length; at++) {
      const piece = pieces[at] as Piece;
      if (!piece.action) {
        parts.push(() => piece.text);
        continue;
      }
      const [word = ''] = piece.text.split(/\s/, 1);
      if (stops.includes(word)) return { write: joined(parts), stop: piece.text };
      if (word === 'if') parts.push(condition(piece.text.slice(2)));
      else if (word === 'end' || word === 'else') throw new Error(`unexpected {{${word}}}`);
      else if (!piece.text.startsWith('/*')) {
        const value = expression(piece.text);
        parts.push((data) => textOf(value(data)));
      }
    }
    if (stops.length > 0) throw new Error('unexpected EOF: an {{if}} has no {{end}}');
    return { write: joined(parts), stop: '' };
  }

  function condition(text: string): Write {
    const test = expression(text);
    at++;
    const { write: then, stop } = list('else', 'end');
    let otherwise: Write = () => '';
    if (/^else\s+if\b/.test(stop)) otherwise = condition(stop.replace(/^else\s+if\b/, ''));
    else if (stop === 'else') {
      at++;
      otherwise = list('end').write;
    }
    return (data) => (isTrue(test(data)) ? then(data) : otherwise(data));
  }

  const { write } = list();
  return (data) => write(data);
}

interface Piece {
  action: boolean;
  text: string;
}

function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let rest = text;
  for (;;) {
    const start = rest.indexOf('{{');
    if (start < 0) break;
    const end = rest.indexOf('}}', start);
    if (end < 0) throw new Error('unclosed action');
    let before = rest.slice(0, start);
    let action = rest.slice(start + 2, end);
    rest = rest.slice(end + 2);
    if (/^-\s/.test(action)) {
      before = before.trimEnd();
      action = action.slice(1);
    }
    if (/\s-$/.test(action)) {
      action = action.slice(0, -1);
      rest = rest.trimStart();
    }
    pieces.push({ action: false, text: before }, { action: true, text: action.trim() });
  }
  return [...pieces, { action: false, text: rest }];
}

/** A pipe of commands; the value of each is the last argument of the next. */
function expression(text: string): Evaluate {
  const words = text.match(/"(?:[^"\\]|\\.)*"|`[^`]*`|[()|]|[^\s()|"`]+/g) ?? [];
  let at = 0;
  const pipe = (): Evaluate => {
    let value = command(undefined);
    while (words[at] === '|') {
      at++;
      value = command(value);
    }
    return value;
  };
  const operand = (): Evaluate => {
    const word = words[at++] ?? '';
    if (word === '(') {
      const value = pipe();
      if (words[at++] !== ')') throw new Error(`unclosed left paren in {{${text}}}`);
      return value;
    }
    return operandOf(word, text);
  };
  const command = (last: Evaluate | undefined): Evaluate => {
    if (words[at] === '.Meta') {
      at++;
      const label = operand();
      return (data) => (indexed(fieldOf(data, 'Meta'), label(data)) ?? '') as Value;
    }
    const run = functions[words[at] ?? ''];
    const first = run ? at++ : -1;
    const operands: Evaluate[] = [];
    while (at < words.length && words[at] !== '|' && words[at] !== ')') operands.push(operand());
    if (last) operands.push(last);
    if (run) return (data) => run(operands.map((value) => value(data)));
    if (operands.length !== 1 || first >= 0) throw new Error(`not understood: {{${text}}}`);
    return operands[0] as Evaluate;
  };
  const value = pipe();
  if (at < words.length) throw new Error(`unexpected ${JSON.stringify(words[at])} in {{${text}}}`);
  return value;
}

function operandOf(word: string, text: string): Evaluate {
  if (word === '.') return (data) => data;
  if (/^(?:\.[A-Za-z_]\w*)+$/.test(word)) {
    const path = word.slice(1).split('.');
    return (data) => path.reduce<Value>(fieldOf, data);
  }
  if (/^-?\d+$/.test(word)) return () => Number(word);
  if (/^0x[0-9a-f]+$/i.test(word)) return () => Number(word);
  if (word.startsWith('"')) {
    const constant = JSON.parse(word) as string;
    return () => constant;
  }
  if (word.startsWith('`')) return () => word.slice(1, -1);
  if (word === 'true' || word === 'false') return () => word === 'true';
  if (/^[A-Za-z]\w*$/.test(word)) throw new Error(`function ${JSON.stringify(word)} not defined`);
  throw new Error(`unexpected ${JSON.stringify(word)} in {{${text}}}`);
}

function fieldOf(value: Value, key: string): Value {
  if (!isMap(value)) throw new Error(`can't evaluate field ${key}`);
  return value[key];
}

/** Those of text/template, and upstream's `parseInt`. */
const functions: Record<string, (operands: Value[]) => Value> = {
  index: ([of, ...keys]) => keys.reduce<Value>(indexed, of),
  len: ([of]) => (Array.isArray(of) || typeof of === 'string' ? of.length : Object.keys(of ?? {}).length),
  eq: ([first, ...others]) => others.some((other) => other === first),
  ne: ([a, b]) => a !== b,
  lt: ([a, b]) => Number(a) < Number(b),
  le: ([a, b]) => Number(a) <= Number(b),
  gt: ([a, b]) => Number(a) > Number(b),
  ge: ([a, b]) => Number(a) >= Number(b),
  and: (operands) => operands.find((value) => !isTrue(value)) ?? operands.at(-1),
  or: (operands) => operands.find(isTrue) ?? operands.at(-1),
  not: ([value]) => !isTrue(value),
  print: (operands) => operands.map(textOf).join(''),
  printf: ([format, ...operands]) => formatted(String(format), operands),
  parseInt([text, base, bits]) {
    const [digits, radix] = [String(text), Number(base)];
    const value = Number.parseInt(digits, radix);
    const isWhole = value.toString(radix).padStart(digits.length, '0') === digits.toLowerCase();
    if (!isWhole || value >= 2 ** (Number(bits) || 64))
      throw new Error(`parseInt: ${JSON.stringify(text)} is no number of ${bits} bits in base ${base}`);
    return value;
  },
};

function indexed(of: Value, key: Value): Value {
  if (Array.isArray(of) || typeof of === 'string') {
    const value = (of as readonly Value[])[Number(key)];
    if (value === undefined) throw new Error(`index out of range: ${key}`);
    return value;
  }
  return isMap(of) ? of[String(key)] : undefined;
}

function formatted(format: string, operands: Value[]): string {
  const rest = [...operands];
  return format.replace(/%(0?)(\d*)([dsvxX%])/g, (_, zero: string, width: string, verb: string) => {
    if (verb === '%') return '%';
    const value = rest.shift();
    const text = verb.toLowerCase() === 'x' ? Number(value).toString(16) : textOf(value);
    return (verb === 'X' ? text.toUpperCase() : text).padStart(Number(width), zero || ' ');
  });
}

function isMap(value: Value): value is { readonly [key: string]: Value } {
  return typeof value === 'object' && !Array.isArray(value);
}

function isTrue(value: Value): boolean {
  if (typeof value === 'object') return Object.keys(value).length > 0;
  return Boolean(value);
}

function textOf(value: Value): string {
  if (value === undefined) return '';
  return Array.isArray(value) ? `[${value.map(textOf).join(' ')}]` : String(value);
}

function joined(parts: Write[]): Write {
  return (data) => parts.map((part) => part(data)).join('');
}
