import type { Block, Handler, Plugin } from '../../plugin.ts';
import { emptyReply, type Query, Rcode, type Reply } from '../../wire/message.ts';
import { isDomainName } from '../../wire/names.ts';
import { parseEdnsRule } from './edns.ts';
import { parseNameRule } from './name.ts';
import { parseClassRule, parseCnameRule, parseRcodeRule, parseTtlRule, parseTypeRule } from './reply.ts';
import { type Respond, type Rewrite, respondWith } from './rule.ts';

interface Rule {
  isLast: boolean;
  rewrite: Rewrite;
}

/** Changes questions before they are answered, and undoes it in the replies. */
export const rewrite: Plugin = {
  name: 'rewrite',
  setup({ tokens, block }) {
    const rules: Rule[] = [];
    while (tokens.next()) {
      const args = tokens.remainingArgs();
      if (args.length < 2) while (tokens.nextBlock()) args.push(tokens.value);
      try {
        rules.push(parseRule(args, block));
      } catch (error) {
        throw tokens.error((error as Error).message);
      }
    }
    return (next) => (query) => answer(rules, query, next);
  },
};

function answer(rules: readonly Rule[], query: Query, next: Handler): Reply | Promise<Reply> {
  let now = query;
  const respond: Respond[] = [];
  for (const { isLast, rewrite } of rules) {
    const rewritten = rewrite(now);
    if (!rewritten) continue;
    now = rewritten.query;
    if (!isDomainName(now.name)) throw new Error(`invalid name after rewrite: ${now.name}`);
    respond.push(...rewritten.respond);
    if (isLast) break;
  }
  return respond.length === 0 ? next(now) : answerWith(respond, now, next);
}

async function answerWith(respond: Respond[], query: Query, next: Handler): Promise<Reply> {
  try {
    return await respondWith(respond, await next(query));
  } catch (error) {
    // A failure is a SERVFAIL to the client: rules for rcodes count for it too.
    const reply = await respondWith(respond, emptyReply(Rcode.SERVFAIL));
    if (reply.rcode === Rcode.SERVFAIL) throw error;
    return reply;
  }
}

function parseRule(args: readonly string[], block: Block): Rule {
  if (args.length === 0) throw new Error('no rule type specified for rewrite');
  const first = (args[0] ?? '').toLowerCase();
  const hasMode = first === 'continue' || first === 'stop';
  if (hasMode && args.length < 2) throw new Error(`${first} rule must begin with a rule type`);
  const [kind = '', ...rest] = hasMode ? args.slice(1) : args;
  return { isLast: first !== 'continue', rewrite: rewriteOf(kind.toLowerCase(), rest, block) };
}

function rewriteOf(kind: string, args: readonly string[], block: Block): Rewrite {
  switch (kind) {
    case 'name':
      return parseNameRule(args);
    case 'type':
      return parseTypeRule(args);
    case 'class':
      return parseClassRule(args);
    case 'edns0':
      return parseEdnsRule(args);
    case 'ttl':
      return parseTtlRule(args);
    case 'rcode':
      return parseRcodeRule(args);
    case 'cname':
      return parseCnameRule(args, (query) => block.lookup(query));
    case 'answer':
      throw new Error('response rewrites must begin with a name rule');
    default:
      throw new Error(`invalid rule type ${JSON.stringify(kind)}`);
  }
}
