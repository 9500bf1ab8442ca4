import { type Plugin, whenReplied } from '../../plugin.ts';
import type { Reply, ResourceRecord } from '../../wire/message.ts';

/** Changes the order of addresses and mail servers from reply to reply, at random. */
export const loadbalance: Plugin = {
  name: 'loadbalance',
  setup({ tokens }) {
    while (tokens.next()) {
      const [policy, ...rest] = tokens.remainingArgs();
      if (policy !== undefined && policy !== 'round_robin') throw tokens.error(`unknown policy: ${policy}`);
      if (rest.length > 0) throw tokens.error(`unknown property for ${policy}`);
      if (tokens.nextBlock()) throw tokens.unknownProperty();
    }
    return (next) => (query) => (query.type === 'AXFR' ? next(query) : whenReplied(next(query), shuffle));
  },
};

const isShuffled = ({ type }: ResourceRecord) => type === 'A' || type === 'AAAA' || type === 'MX';

function shuffle(reply: Reply): Reply {
  if (reply.rcode !== 0 || (reply.answers.length < 2 && reply.additionals.length < 2)) return reply;
  return { ...reply, answers: shuffled(reply.answers), additionals: shuffled(reply.additionals) };
}

/** CNAMEs come first, so that a resolver reads the chain in order; then the rest; then addresses, mixed. */
function shuffled(records: ResourceRecord[]): ResourceRecord[] {
  if (records.length < 2) return records;
  const mixed = records.filter(isShuffled);
  for (let last = mixed.length - 1; last > 0; last--) {
    const pick = Math.floor(Math.random() * (last + 1));
    const record = mixed[last] as ResourceRecord;
    mixed[last] = mixed[pick] as ResourceRecord;
    mixed[pick] = record;
  }
  const cnames = records.filter(({ type }) => type === 'CNAME');
  const rest = records.filter((record) => record.type !== 'CNAME' && !isShuffled(record));
  return [...cnames, ...rest, ...mixed];
}
