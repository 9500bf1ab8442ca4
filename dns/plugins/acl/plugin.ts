import type { Dispenser } from '../../corefile/dispenser.ts';
import { createSubnets, plainAddress, type Subnets } from '../../corefile/subnets.ts';
import { zonesFromArgs } from '../../corefile/zones.ts';
import type { Plugin } from '../../plugin.ts';
import { emptyReply, extendedError, type Query, Rcode, type Reply, typeCode } from '../../wire/message.ts';
import { matchZone } from '../../wire/names.ts';

type Action = 'allow' | 'block' | 'filter' | 'drop';

interface Policy {
  action: Action;
  /** Undefined is all types. */
  types: ReadonlySet<string> | undefined;
  /** Undefined is all clients. */
  sources: Subnets | undefined;
}

/** Codes of RFC 8914. */
const blocked = 15;
const filtered = 17;

/** Lets some clients ask some questions, and others not. */
export const acl: Plugin = {
  name: 'acl',
  setup({ tokens, block }) {
    const rules: { zones: string[]; policies: Policy[] }[] = [];
    while (tokens.next()) {
      const zones = zonesFromArgs(tokens.remainingArgs(), block.zones);
      const policies: Policy[] = [];
      while (tokens.nextBlock()) policies.push(parsePolicy(tokens));
      rules.push({ zones, policies });
    }
    return (next) => (query) => {
      const client = plainAddress(query.client.address);
      for (const { zones, policies } of rules) {
        if (matchZone(zones, query.lower) === undefined) continue;
        const action = policies.find((policy) => matches(policy, query, client))?.action;
        if (action === 'allow') break;
        if (action) return replyTo(action);
      }
      return next(query);
    };
  },
};

function replyTo(action: Exclude<Action, 'allow'>): Reply {
  if (action === 'drop') return { ...emptyReply(Rcode.NOERROR), dropped: true };
  if (action === 'filter') return { ...emptyReply(Rcode.NOERROR), options: [extendedError(filtered)] };
  return { ...emptyReply(Rcode.REFUSED), options: [extendedError(blocked)] };
}

function matches({ types, sources }: Policy, { type }: Query, client: string): boolean {
  if (types && !types.has(type)) return false;
  return !sources || sources.has(client);
}

function parsePolicy(tokens: Dispenser): Policy {
  const action = tokens.value.toLowerCase();
  if (!isAction(action))
    throw tokens.error(
      `unexpected token ${JSON.stringify(tokens.value)}; expect 'allow', 'block', 'filter' or 'drop'`,
    );
  const policy: Policy = { action, types: undefined, sources: undefined };
  const sections = { type: [] as string[], net: [] as string[] };
  let current: 'type' | 'net' | undefined;
  const words = tokens.remainingArgs();
  for (const [index, word] of words.entries()) {
    const lower = word.toLowerCase();
    if (lower === 'type' || lower === 'net') {
      current = lower;
      const after = words[index + 1]?.toLowerCase();
      if (after === undefined || after === 'type' || after === 'net')
        throw tokens.error(`no token specified in ${JSON.stringify(lower)} section`);
    } else if (current) sections[current].push(word);
    else throw tokens.error(`unexpected token ${JSON.stringify(word)}; expect 'type | net'`);
  }
  if (sections.type.length > 0 && !sections.type.includes('*'))
    policy.types = new Set(sections.type.map((type) => typeOf(tokens, type)));
  if (sections.net.length > 0 && !sections.net.includes('*'))
    policy.sources = createSubnets(sections.net, (net) =>
      tokens.error(`illegal CIDR notation ${JSON.stringify(net)}`),
    );
  return policy;
}

function isAction(text: string): text is Action {
  return text === 'allow' || text === 'block' || text === 'filter' || text === 'drop';
}

function typeOf(tokens: Dispenser, type: string): string {
  if (typeCode(type) === undefined)
    throw tokens.error(`unexpected token ${JSON.stringify(type)}; expect legal QTYPE`);
  return type;
}
