import { isIP } from 'node:net';
import { plainAddress } from '../../corefile/subnets.ts';
import { splitHostPort } from '../../corefile/values.ts';
import { zonesFromArgs } from '../../corefile/zones.ts';
import type { Plugin } from '../../plugin.ts';
import { canonicalAddress } from '../../wire/addresses.ts';
import { emptyReply, type Query, Rcode, type Reply, type ResourceRecord } from '../../wire/message.ts';
import { matchZone } from '../../wire/names.ts';

interface Rule {
  zones: string[];
  /** Addresses of clients; `*` is everybody. */
  to: Set<string>;
}

/** Gives copies of whole zones to the servers that may have them (AXFR). */
export const transfer: Plugin = {
  name: 'transfer',
  setup({ tokens, block, surroundings: { log }, repeatable }) {
    repeatable();
    const rules: Rule[] = [];
    while (tokens.next()) {
      const rule: Rule = { zones: zonesFromArgs(tokens.remainingArgs(), block.zones), to: new Set() };
      while (tokens.nextBlock()) {
        if (tokens.value === 'source') {
          const [address = ''] = tokens.args(1);
          if (!isIP(address)) throw tokens.error(`invalid source address ${JSON.stringify(address)}`);
        } else if (tokens.value === 'to') {
          for (const text of tokens.args(1, Number.POSITIVE_INFINITY)) {
            const host = text === '*' ? text : hostOf(text);
            if (host === undefined) throw tokens.error(`not an IP address: ${JSON.stringify(text)}`);
            rule.to.add(host);
          }
        } else throw tokens.unknownProperty();
      }
      if (rule.to.size === 0) throw tokens.error("'to' is required");
      rules.push(rule);
    }

    return (next) => (query) => {
      const { type, lower, protocol } = query;
      if (type !== 'AXFR' && type !== 'IXFR') return next(query);
      if (protocol !== 'tcp') return emptyReply(Rcode.REFUSED);
      const rule = longestMatch(rules, lower);
      if (!rule) return next(query);
      if (!isAllowed(rule, query)) return emptyReply(Rcode.REFUSED);
      if (type === 'IXFR' && query.serial === undefined) return emptyReply(Rcode.SERVFAIL);
      for (const records of block.transferers) {
        const zone = records(lower);
        if (!zone) continue;
        const serial = zone[0]?.type === 'SOA' ? zone[0].data.serial : 0;
        const who = `of zone ${JSON.stringify(lower)} to ${plainAddress(query.client.address)} for ${serial} SOA serial`;
        if (type === 'IXFR' && query.serial === serial) {
          log.info(`plugin/transfer: Outgoing noop, incremental transfer ${who}`);
          return replyOf(zone.slice(0, 1));
        }
        log.info(`plugin/transfer: Outgoing transfer of ${zone.length} records ${who}`);
        return replyOf(zone);
      }
      return next(query);
    };
  },
};

function replyOf(records: readonly ResourceRecord[]): Reply {
  return { ...emptyReply(Rcode.NOERROR), authoritative: true, answers: [...records], transfer: true };
}

function hostOf(text: string): string | undefined {
  const bare = isIP(text) ? text : (splitHostPort(text)?.host ?? '');
  return isIP(bare) ? canonicalAddress(bare) : undefined;
}

function isAllowed({ to }: Rule, { client: { address } }: Query): boolean {
  return to.has('*') || to.has(canonicalAddress(plainAddress(address)));
}

function longestMatch(rules: readonly Rule[], name: string): Rule | undefined {
  const zone = matchZone(
    rules.flatMap(({ zones }) => zones),
    name,
  );
  return zone === undefined ? undefined : rules.find(({ zones }) => zones.includes(zone));
}
