import { compileExpression } from '../../corefile/expression.ts';
import { fqdn } from '../../wire/names.ts';

export type MatchType = 'exact' | 'prefix' | 'suffix' | 'substring' | 'regex';

export function isMatchType(text: string): text is MatchType {
  return ['exact', 'prefix', 'suffix', 'substring', 'regex'].includes(text);
}

/** Text in, new text out; undefined where it does not match. */
export type Replace = (text: string) => string | undefined;

/** Lower case with a final dot, as upstream normalises every name of a rule but a regular expression. */
export function normalName(text: string): string {
  return fqdn(text).toLowerCase();
}

/** True where a name in lower case matches. Throws an Error without a place for a bad expression. */
export function createTest(type: MatchType, from: string): (name: string) => boolean {
  if (type === 'regex') {
    const expression = expressionOf(from);
    return (name) => expression.test(name);
  }
  const wanted = normalName(from);
  switch (type) {
    case 'exact':
      return (name) => name === wanted;
    case 'prefix':
      return (name) => name.startsWith(wanted);
    case 'suffix':
      return (name) => name.endsWith(wanted);
    case 'substring':
      return (name) => name.includes(wanted);
  }
}

/** What a rule of `type` makes of a name. Throws an Error without a place for a bad expression. */
export function createReplace(type: MatchType, from: string, to: string): Replace {
  if (type === 'regex') return createPatternReplace(from, to);
  const [wanted, instead] = [normalName(from), normalName(to)];
  switch (type) {
    case 'exact':
      return (name) => (name === wanted ? instead : undefined);
    case 'prefix':
      return (name) => (name.startsWith(wanted) ? instead + name.slice(wanted.length) : undefined);
    case 'suffix':
      return (name) =>
        name.endsWith(wanted) ? name.slice(0, name.length - wanted.length) + instead : undefined;
    case 'substring':
      return (name) => (name.includes(wanted) ? name.replaceAll(wanted, () => instead) : undefined);
  }
}

/** `to` in place of the whole text, with `{1}` and so on filled in from the groups of the match. */
export function createPatternReplace(from: string, to: string): Replace {
  const expression = expressionOf(from);
  const instead = normalName(to);
  const groups = (new RegExp(`${expression.source}|`, expression.flags).exec('')?.length ?? 1) - 1;
  const used = new Set([...instead.matchAll(/\{(\d{1,3})\}/g)].map(([, group]) => group)).size;
  if (used > groups)
    throw new Error(
      `the rewrite regex pattern (${to}) uses more subexpressions than its corresponding matching regex pattern (${from})`,
    );
  return (text) => {
    const match = expression.exec(text);
    return match
      ? instead.replace(
          /\{(\d{1,3})\}/g,
          (whole, group) => match[Number(group)] ?? (match.length > Number(group) ? '' : whole),
        )
      : undefined;
  };
}

function expressionOf(text: string): RegExp {
  try {
    return compileExpression(text);
  } catch (error) {
    throw new Error(`invalid regex matching pattern: ${text}: ${(error as Error).message}`);
  }
}
