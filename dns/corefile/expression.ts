const longestExpression = 10_000;

/**
 * A regular expression of Go's kind (RE2) as JavaScript's: `(?P<name>…)` groups, flags as `(?i)` at the start,
 * `\A` and `\z`. Throws an Error without a place for what is none. Unlike RE2 a match may take exponential time:
 * who writes a Corefile is trusted.
 */
export function compileExpression(text: string): RegExp {
  if (text.length > longestExpression)
    throw new Error(`regex pattern too long: ${text.length} > ${longestExpression}`);
  const flags = /^\(\?([ims]+)\)/.exec(text);
  const source = (flags ? text.slice(flags[0].length) : text)
    .replaceAll('(?P<', '(?<')
    .replace(/\\A/g, '^')
    .replace(/\\z/g, '$');
  return new RegExp(source, flags?.[1] ?? '');
}
