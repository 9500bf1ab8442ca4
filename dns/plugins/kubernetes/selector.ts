import type { LabelSelector } from '../../../api/types.ts';

/**
 * Reads a selector as kubectl's `-l` takes it: `app=web,tier in (a, b),!old`. Throws an Error that names the
 * part that is none; upstream: metav1.ParseToLabelSelector.
 */
export function parseLabelSelector(text: string): LabelSelector {
  const matchLabels: Record<string, string> = {};
  const matchExpressions: NonNullable<LabelSelector['matchExpressions']> = [];
  const label = /^[A-Za-z0-9](?:[\w./-]*[A-Za-z0-9])?$/;
  for (const part of text.split(/,(?![^(]*\))/).map((part) => part.trim())) {
    const equality = /^([^\s!=()]+)\s*(==?|!=)\s*([^\s!=()]*)$/.exec(part);
    const set = /^([^\s!=()]+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part);
    const key = equality?.[1] ?? set?.[1] ?? part.replace(/^!\s*/, '');
    if (!label.test(key)) throw new Error(`unable to parse requirement: ${JSON.stringify(part)}`);
    if (equality) {
      const [, , operator, value = ''] = equality;
      if (operator === '!=') matchExpressions.push({ key, operator: 'NotIn', values: [value] });
      else matchLabels[key] = value;
    } else if (set) {
      const values = (set[3] ?? '').split(',').map((value) => value.trim());
      matchExpressions.push({ key, operator: set[2] === 'in' ? 'In' : 'NotIn', values });
    } else matchExpressions.push({ key, operator: part.startsWith('!') ? 'DoesNotExist' : 'Exists' });
  }
  return { matchLabels, matchExpressions };
}
