import { type ResourceRecord, typeName } from './message.ts';

/** A record as a line of a zone file (RFC 1035 5): `NAME TTL IN TYPE DATA`, one space between the fields. */
export function formatRecord(record: ResourceRecord): string {
  const type = record.type === 'RAW' ? typeName(record.code) : record.type;
  return `${record.name} ${record.ttl} IN ${type} ${formatData(record)}`;
}

function formatData(record: ResourceRecord): string {
  switch (record.type) {
    case 'TXT':
      return record.data.map((text) => JSON.stringify(text)).join(' ');
    case 'MX':
      return `${record.data.preference} ${record.data.exchange}`;
    case 'SRV': {
      const { priority, weight, port, target } = record.data;
      return `${priority} ${weight} ${port} ${target}`;
    }
    case 'SOA': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = record.data;
      return `${mname} ${rname} ${serial} ${refresh} ${retry} ${expire} ${minimum}`;
    }
    case 'RAW': // RFC 3597
      return `\\# ${record.data.length} ${record.data.toString('hex')}`.trimEnd();
    default:
      return record.data;
  }
}
