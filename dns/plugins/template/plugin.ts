import type { Dispenser } from '../../corefile/dispenser.ts';
import { compileExpression } from '../../corefile/expression.ts';
import { plainAddress } from '../../corefile/subnets.ts';
import { parseInteger } from '../../corefile/values.ts';
import { zonesFromArgs } from '../../corefile/zones.ts';
import type { Handler, Plugin, Stage } from '../../plugin.ts';
import {
  classCode,
  className,
  type EdnsOption,
  emptyReply,
  extendedError,
  type Query,
  Rcode,
  type Reply,
  type ResourceRecord,
  rcodeOf,
  typeCode,
} from '../../wire/message.ts';
import { matchZone } from '../../wire/names.ts';
import { parseRecord } from '../../zonefile/zonefile.ts';
import { createFallthrough, type Fallthrough } from '../fallthrough.ts';
import { compileTemplate, type Template, type Value } from './expand.ts';

interface Rule {
  class: string;
  type: string;
  zones: string[];
  expressions: RegExp[];
  answer: Template[];
  authority: Template[];
  additional: Template[];
  rcode: number;
  options: EdnsOption[];
  fallthrough: Fallthrough;
}

/** Makes answers of the question, by regular expressions and templates. */
export const template: Plugin = {
  name: 'template',
  setup({ tokens, block }) {
    const rules: Rule[] = [];
    while (tokens.next()) rules.push(parseRule(tokens, block.zones));
    return createStage(rules, (query) => block.lookup(query));
  },
};

function createStage(rules: readonly Rule[], ask: Handler): Stage {
  return (next) => (query) => {
    for (const rule of rules) {
      const zone = matchZone(rule.zones, query.lower);
      if (
        zone === undefined ||
        !isWanted(rule.class, className(query.class)) ||
        !isWanted(rule.type, query.type)
      )
        continue;
      const match = firstMatch(rule.expressions, query.lower);
      if (match) return replyOf(rule, query, dataOf(query, zone, match), ask);
      if (!rule.fallthrough.through(query.lower)) return emptyReply(Rcode.SERVFAIL);
    }
    return next(query);
  };
}

function isWanted(wanted: string, asked: string): boolean {
  return wanted === 'ANY' || asked === 'ANY' || wanted === asked;
}

function firstMatch(expressions: readonly RegExp[], name: string): RegExpExecArray | undefined {
  for (const expression of expressions) {
    const match = expression.exec(name);
    if (match) return match;
  }
  return undefined;
}

function dataOf(query: Query, zone: string, match: RegExpExecArray): { [key: string]: Value } {
  const numbered = Object.fromEntries([...match].map((text, index) => [String(index), text ?? '']));
  return {
    Zone: zone,
    Name: query.lower,
    Class: className(query.class),
    Type: query.type,
    Match: [...match].map((text) => text ?? ''),
    Group: { ...numbered, ...match.groups },
    Remote: plainAddress(query.client.address),
    Meta: Object.fromEntries([...(query.metadata ?? [])].map(([label, value]) => [label, value()])),
    Message: { Id: query.id },
    Question: { Name: query.name, Qtype: typeCode(query.type) ?? 0, Qclass: query.class },
  };
}

function replyOf(
  rule: Rule,
  query: Query,
  data: { [key: string]: Value },
  ask: Handler,
): Reply | Promise<Reply> {
  if (rule.rcode === Rcode.SERVFAIL) return emptyReply(Rcode.SERVFAIL);
  const filled = (templates: Template[]) => templates.map((fill) => parseRecord(fill(data)));
  const reply: Reply = {
    rcode: rule.rcode,
    authoritative: true,
    answers: filled(rule.answer),
    authorities: filled(rule.authority),
    additionals: filled(rule.additional),
    options: rule.options,
  };
  const isFollowed = query.type === 'A' || query.type === 'AAAA';
  return isFollowed && reply.answers.some(({ type }) => type === 'CNAME') ? follow(reply, query, ask) : reply;
}

/** Puts after each CNAME what its target has. */
async function follow(reply: Reply, query: Query, ask: Handler): Promise<Reply> {
  const answers: ResourceRecord[] = [];
  let truncated = false;
  for (const record of reply.answers) {
    answers.push(record);
    if (record.type !== 'CNAME' || (query.chased ?? 0) >= mostChased) continue;
    const lower = record.data.toLowerCase();
    try {
      const found = await ask({ ...query, name: record.data, lower, chased: (query.chased ?? 0) + 1 });
      truncated = found.truncated ?? false;
      answers.push(...found.answers);
    } catch {
      // as upstream: the CNAME alone is an answer, too
    }
  }
  return { ...reply, answers, truncated };
}

const mostChased = 8;

function parseRule(tokens: Dispenser, blockZones: readonly string[]): Rule {
  const [klass = '', type = '', ...zones] = tokens.remainingArgs();
  if (klass === '' || type === '') throw tokens.argError();
  if (classCode(klass) === undefined) throw tokens.error(`invalid query class ${klass}`);
  if (typeCode(type) === undefined) throw tokens.error(`invalid RR class ${type}`);
  const rule: Rule = {
    class: klass,
    type,
    zones: zonesFromArgs(zones, blockZones),
    expressions: [],
    answer: [],
    authority: [],
    additional: [],
    rcode: Rcode.NOERROR,
    options: [],
    fallthrough: createFallthrough(undefined),
  };
  const atLeastOne = () => tokens.args(1, Number.POSITIVE_INFINITY);
  while (tokens.nextBlock()) {
    const property = tokens.value;
    switch (property) {
      case 'match':
        for (const text of atLeastOne()) rule.expressions.push(expressionOf(tokens, text));
        break;
      case 'answer':
      case 'authority':
      case 'additional':
        for (const text of atLeastOne()) rule[property].push(templateOf(tokens, text));
        break;
      case 'rcode': {
        const [name = ''] = atLeastOne();
        const rcode = rcodeOf(name);
        if (rcode === undefined) throw tokens.error(`unknown rcode ${name}`);
        rule.rcode = rcode;
        break;
      }
      case 'ederror': {
        const [code = '', reason] = tokens.args(1, 2);
        const number = parseInteger(code);
        if (number === undefined || number < 0 || number > 65_535)
          throw tokens.error(`error parsing extended DNS error code ${code}`);
        rule.options.push(extendedError(number, reason));
        break;
      }
      case 'fallthrough':
        rule.fallthrough = createFallthrough(tokens.remainingArgs());
        break;
      case 'upstream': // until CoreDNS 1.6; CNAMEs are always followed through this server itself
        tokens.remainingArgs();
        break;
      default:
        throw tokens.unknownProperty();
    }
  }
  if (rule.expressions.length === 0) rule.expressions.push(/.*/);
  return rule;
}

function expressionOf(tokens: Dispenser, text: string): RegExp {
  try {
    return compileExpression(text);
  } catch (error) {
    throw tokens.error(`could not parse regex: ${text}, ${(error as Error).message}`);
  }
}

function templateOf(tokens: Dispenser, text: string): Template {
  try {
    return compileTemplate(text);
  } catch (error) {
    throw tokens.error(`could not compile template: ${text}, ${(error as Error).message}`);
  }
}
