import type { KubeObject } from '../../api/object.ts';
import { statusError } from '../../api/status.ts';

export type Labels = Readonly<Record<string, string>>;

/**
 * Compiles `labelSelector`: `app=web,tier!=db,env in (a,b),!legacy,weight>1`.
 * Upstream: `apimachinery/pkg/labels/selector.go`.
 *
 * @throws StatusError BadRequest
 */
export function parseLabelSelector(text: string): (labels: Labels) => boolean {
  const requirements = splitOutsideParentheses(text).map(parseRequirement);
  return (labels) => requirements.every((matches) => matches(labels));
}

const key = '[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?';
const setBased = new RegExp(`^(${key})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const equality = new RegExp(`^(${key})\\s*(==|!=|=|>|<)\\s*([-A-Za-z0-9_.]*)$`);
const existence = new RegExp(`^(!?)\\s*(${key})$`);

function parseRequirement(text: string): (labels: Labels) => boolean {
  const set = setBased.exec(text);
  if (set) {
    const [, name = '', , operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    return operator === 'in'
      ? (labels) => has(labels, name) && values.includes(labels[name] ?? '')
      : (labels) => !has(labels, name) || !values.includes(labels[name] ?? '');
  }
  const compared = equality.exec(text);
  if (compared) {
    const [, name = '', , operator, value = ''] = compared;
    if (operator === '!=') return (labels) => labels[name] !== value;
    if (operator === '=' || operator === '==') return (labels) => labels[name] === value;
    const bound = Number(value);
    if (!Number.isInteger(bound))
      throw unparsable(text, `for 'Gt', 'Lt' operators, the value must be an integer`);
    return operator === '>'
      ? (labels) => has(labels, name) && Number(labels[name]) > bound
      : (labels) => has(labels, name) && Number(labels[name]) < bound;
  }
  const exists = existence.exec(text);
  if (!exists) throw unparsable(text, 'found an unexpected token');
  const [, not, name = ''] = exists;
  return not ? (labels) => !has(labels, name) : (labels) => has(labels, name);
}

const has = (labels: Labels, name: string) => Object.hasOwn(labels, name);

function unparsable(requirement: string, reason: string) {
  return statusError('BadRequest', `unable to parse requirement: ${JSON.stringify(requirement)}: ${reason}`);
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)].map((part) => part.trim()).filter((part) => part !== '');
}

export interface FieldRequirement {
  field: string;
  equal: boolean;
  value: string;
}

/** Splits `fieldSelector`: `metadata.name=web,status.phase!=Running`. @throws StatusError BadRequest */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return text
    .split(/(?<!\\),/)
    .filter((term) => term.trim() !== '')
    .map((term) => {
      const parsed = /^([^=!]+)(==|!=|=)(.*)$/.exec(term.trim());
      if (!parsed) {
        throw statusError(
          'BadRequest',
          `invalid selector: ${JSON.stringify(text)}; can't understand ${JSON.stringify(term)}`,
        );
      }
      const [, field = '', operator, value = ''] = parsed;
      return { field, equal: operator !== '!=', value: value.replace(/\\(.)/g, '$1') };
    });
}

/** The fields every kind can be selected by. */
export function metadataFields({ metadata }: KubeObject): Record<string, string> {
  return { 'metadata.name': metadata?.name ?? '', 'metadata.namespace': metadata?.namespace ?? '' };
}

/** @throws StatusError BadRequest for a field that the kind does not offer */
export function checkFields(requirements: readonly FieldRequirement[], known: readonly string[]): void {
  for (const { field } of requirements) {
    if (known.includes(field)) continue;
    throw statusError(
      'BadRequest',
      known.length > 2
        ? `field label not supported: ${field}`
        : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
    );
  }
}
