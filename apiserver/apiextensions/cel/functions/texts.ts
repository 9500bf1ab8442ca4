import type { Environment } from '@marcbachmann/cel-js';
import { regularExpression } from '../../schema/validate.ts';

/** `find`, `findAll`, `replace`, `charAt`, `reverse`, `format`. Upstream: `library/regex.go`, cel-go `ext/strings.go`. */
export function registerTexts(environment: Environment): void {
  environment.registerFunction(
    'string.find(string): string',
    (text: string, pattern: string) => expression(pattern).exec(text)?.[0] ?? '',
  );
  environment.registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
    all(text, pattern),
  );
  environment.registerFunction(
    'string.findAll(string, int): list<string>',
    (text: string, pattern: string, most: bigint) =>
      most < 0n ? all(text, pattern) : all(text, pattern).slice(0, Number(most)),
  );
  environment.registerFunction(
    'string.replace(string, string): string',
    (text: string, from: string, to: string) => text.replaceAll(from, () => to),
  );
  environment.registerFunction(
    'string.replace(string, string, int): string',
    (text: string, from: string, to: string, most: bigint) => {
      if (most < 0n) return text.replaceAll(from, () => to);
      let left = most;
      return text.replaceAll(from, () => (left-- > 0n ? to : from));
    },
  );
  environment.registerFunction('string.charAt(int): string', (text: string, at: bigint) => {
    const characters = [...text];
    if (at < 0n || at > BigInt(characters.length)) throw new Error(`index out of range: ${at}`);
    return characters[Number(at)] ?? '';
  });
  environment.registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''));
  environment.registerFunction('string.format(list): string', (text: string, values: unknown[]) =>
    format(text, values),
  );
}

function expression(pattern: string): RegExp {
  const made = regularExpression(pattern);
  if (!made) throw new Error(`Illegal regex: ${pattern}`);
  return made;
}

function all(text: string, pattern: string): string[] {
  const { source, flags } = expression(pattern);
  return [...text.matchAll(new RegExp(source, `${flags}g`))].map(([found]) => found);
}

/** `%s`, `%d`, `%f` and `%.2f`, `%e`, `%b`, `%o`, `%x`, `%X`, `%%`. */
function format(text: string, values: readonly unknown[]): string {
  let next = 0;
  const take = () => {
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    return values[next++];
  };
  return text.replace(/%(?:\.(\d+))?([sdfeboxX%])/g, (_, digits: string | undefined, verb: string) => {
    if (verb === '%') return '%';
    const value = take();
    const places = digits === undefined ? 6 : Number(digits);
    if (verb === 's') return textOf(value);
    if (verb === 'f') return Number(value).toFixed(places);
    if (verb === 'e') return Number(value).toExponential(places);
    if (verb === 'd') return String(value);
    const number = BigInt(value as bigint);
    const base = verb === 'b' ? 2 : verb === 'o' ? 8 : 16;
    return verb === 'X' ? number.toString(base).toUpperCase() : number.toString(base);
  });
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`;
  if (value === null) return 'null';
  if (value instanceof Date) return value.toISOString().replace(/\.000Z$/, 'Z');
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([key, field]) => `${key}: ${textOf(field)}`).join(', ')}}`;
  }
  return String(value);
}
