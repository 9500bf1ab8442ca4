import type { Subnets } from '../../corefile/subnets.ts';
import type { Reply, ResourceRecord } from '../../wire/message.ts';

/** A reply with its records in another order. */
export type Arrange = (reply: Reply) => Reply;

/** Records by what is done with them. */
interface Kinds {
  cnames: ResourceRecord[];
  addresses: ResourceRecord[];
  mail: ResourceRecord[];
  rest: ResourceRecord[];
}

/** Addresses and mail servers in random order; upstream: plugin/loadbalance/loadbalance.go. */
export const shuffle: Arrange = (reply) => {
  const { answers, authorities, additionals } = reply;
  if (answers.length < 2 && authorities.length < 2 && additionals.length < 2) return reply;
  const shuffled = {
    ...reply,
    answers: shuffledRecords(answers),
    authorities: shuffledRecords(authorities),
    additionals: shuffledRecords(additionals),
  };
  const { lasting } = reply;
  if (lasting?.of === reply) shuffled.lasting = { ...lasting, of: shuffled, isShuffled: true };
  return shuffled;
};

function shuffledRecords(records: ResourceRecord[]): ResourceRecord[] {
  if (records.length < 2) return records;
  if (records.every(({ type }) => type === 'A' || type === 'AAAA')) return mixed([...records]); // most replies
  const kinds = kindsOf(records);
  return together({ ...kinds, addresses: mixed(kinds.addresses), mail: mixed(kinds.mail) });
}

/** One address is drawn by its weight and stands first; `random` gives 0 to 1. */
export function drawFirst(
  records: ResourceRecord[],
  weightOf: (name: string, address: string) => number,
  random: () => number,
): ResourceRecord[] {
  const kinds = kindsOf(records);
  const { addresses } = kinds;
  if (addresses.length === 0) return records;
  const weights = addresses.map((record) =>
    typeof record.data === 'string' ? weightOf(record.name, record.data) : 1,
  );
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  let drawn = 0;
  while (drawn < weights.length - 1 && left >= (weights[drawn] ?? 0)) left -= weights[drawn++] ?? 0;
  const swapped = [...addresses];
  [swapped[0], swapped[drawn]] = [addresses[drawn] as ResourceRecord, addresses[0] as ResourceRecord];
  return together({ ...kinds, addresses: swapped });
}

/** Addresses in the first network before those in the second, and those in none last. */
export function createPreference(networks: readonly Subnets[]): Arrange {
  const arranged = (records: ResourceRecord[]) => {
    const kinds = kindsOf(records);
    const rank = ({ data }: ResourceRecord) => {
      const index = networks.findIndex((network) => typeof data === 'string' && network.has(data));
      return index < 0 ? networks.length : index;
    };
    return together({ ...kinds, addresses: [...kinds.addresses].sort((a, b) => rank(a) - rank(b)) });
  };
  return (reply) => ({
    ...reply,
    answers: arranged(reply.answers),
    additionals: arranged(reply.additionals),
  });
}

function kindsOf(records: readonly ResourceRecord[]): Kinds {
  const kinds: Kinds = { cnames: [], addresses: [], mail: [], rest: [] };
  for (const record of records) {
    if (record.type === 'CNAME') kinds.cnames.push(record);
    else if (record.type === 'A' || record.type === 'AAAA') kinds.addresses.push(record);
    else if (record.type === 'MX') kinds.mail.push(record);
    else kinds.rest.push(record);
  }
  return kinds;
}

/** CNAMEs come first, so that a resolver reads the chain in order. */
function together({ cnames, addresses, mail, rest }: Kinds): ResourceRecord[] {
  return [...cnames, ...rest, ...addresses, ...mail];
}

function mixed(records: ResourceRecord[]): ResourceRecord[] {
  for (let last = records.length - 1; last > 0; last--) {
    const pick = Math.floor(Math.random() * (last + 1));
    [records[last], records[pick]] = [records[pick] as ResourceRecord, records[last] as ResourceRecord];
  }
  return records;
}
