/** The questions and answers that plugins pass along; RFC 1035 4, RFC 6891 for EDNS. */

export interface Soa {
  mname: string;
  rname: string;
  serial: number;
  refresh: number;
  retry: number;
  expire: number;
  minimum: number;
}

interface Common {
  /** Owner, fully qualified, in the case it shall be sent in. */
  name: string;
  /** Seconds. */
  ttl: number;
}

/** A resource record of class IN. Types without a form of their own here keep their data as bytes. */
export type ResourceRecord =
  | (Common & { type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR' | 'DNAME'; data: string })
  | (Common & { type: 'TXT'; data: string[] })
  | (Common & { type: 'MX'; data: { preference: number; exchange: string } })
  | (Common & { type: 'SRV'; data: { priority: number; weight: number; port: number; target: string } })
  | (Common & { type: 'SOA'; data: Soa })
  | (Common & { type: 'RAW'; code: number; data: Buffer });

/** One option of an OPT record. */
export interface EdnsOption {
  code: number;
  data: Buffer;
}

/** What a client said in its OPT record. */
export interface Edns {
  version: number;
  udpSize: number;
  dnssecOk: boolean;
  options: EdnsOption[];
}

export interface Query {
  id: number;
  /** Fully qualified, in the case it was asked in. */
  name: string;
  /** {@link name} in lower case. */
  lower: string;
  /** `A`, `SRV` …; `TYPE65280` for types without a name. */
  type: string;
  class: number;
  recursionDesired: boolean;
  checkingDisabled: boolean;
  authenticData: boolean;
  edns?: Edns;
  /** Of the SOA record that an IXFR carries: the version that its client has (RFC 1995). */
  serial?: number;
  /** What plugins know about the query, by label (`kubernetes/namespace`); there with the metadata plugin only. */
  metadata?: Map<string, () => string>;
  /** How many CNAMEs led here from the client's own question, when this server asks itself. */
  chased?: number;
  /** Bytes of the packet. */
  size: number;
  client: { address: string; port: number };
  protocol: 'udp' | 'tcp';
}

export interface Reply {
  rcode: number;
  authoritative?: boolean;
  truncated?: boolean;
  recursionAvailable?: boolean;
  authenticData?: boolean;
  answers: ResourceRecord[];
  authorities: ResourceRecord[];
  additionals: ResourceRecord[];
  /** EDNS options of the reply's own, for clients that speak EDNS. */
  options?: EdnsOption[];
  /** A zone transfer: over TCP its answers may take several messages (RFC 5936 2.2). */
  transfer?: true;
  /** The client gets nothing at all. */
  dropped?: true;
  /** Said where the same question has the same reply for a while. */
  lasting?: Lasting;
}

/** That a reply hangs on name, type and class alone, and until when: its packet may be sent again. */
export interface Lasting {
  /** The reply this was said of: it does not hold for copies. */
  readonly of: Reply;
  /** False once what the reply came from may be another. */
  isCurrent(): boolean;
  /** The serial that its SOA records have by now, where that changes more often than the reply. */
  serial(): number | undefined;
  /** Addresses and mail servers are in random order, another one each time. */
  readonly isShuffled: boolean;
  /** Those of the plugins that it passed. */
  readonly watchers: readonly RepeatWatcher[];
}

/** Is told of a reply that may be sent again; what it returns is told of each time that happens. */
export type RepeatWatcher = (query: Query, reply: Reply) => Repeated | undefined;

/** `started` is when the question came, by the clock of `performance`. */
export type Repeated = (client: Query['client'], protocol: Query['protocol'], started: number) => void;

export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

const rcodeNames = new Map<number, string>([
  ...Object.entries(Rcode).map(([name, code]) => [code, name] as const),
  [6, 'YXDOMAIN'],
  [7, 'YXRRSET'],
  [8, 'NXRRSET'],
  [9, 'NOTAUTH'],
  [10, 'NOTZONE'],
  [17, 'BADKEY'],
  [18, 'BADTIME'],
  [19, 'BADMODE'],
  [20, 'BADNAME'],
  [21, 'BADALG'],
  [22, 'BADTRUNC'],
  [23, 'BADCOOKIE'],
]);

/** `NXDOMAIN` for 3, `RCODE11` for one without a name. */
export function rcodeName(rcode: number): string {
  return rcodeNames.get(rcode) ?? `RCODE${rcode}`;
}

/** The code of a name such as `SERVFAIL`, in any case. */
export function rcodeOf(name: string): number | undefined {
  for (const [code, text] of rcodeNames) if (text === name.toUpperCase()) return code;
  return undefined;
}

const typeCodes: Record<string, number> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  NULL: 10,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  SIG: 24,
  KEY: 25,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  KX: 36,
  CERT: 37,
  DNAME: 39,
  OPT: 41,
  APL: 42,
  DS: 43,
  SSHFP: 44,
  IPSECKEY: 45,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  DHCID: 49,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  HIP: 55,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  EUI48: 108,
  EUI64: 109,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  URI: 256,
  CAA: 257,
};
const typeNames = new Map(Object.entries(typeCodes).map(([name, code]) => [code, name]));

const classCodes: Record<string, number> = { IN: 1, CS: 2, CH: 3, HS: 4, NONE: 254, ANY: 255 };
const classNames = new Map(Object.entries(classCodes).map(([name, code]) => [code, name]));

/** `IN` for 1, `CLASS7` for a code without a name (RFC 3597). */
export function className(code: number): string {
  return classNames.get(code) ?? `CLASS${code}`;
}

/** The code of a class's name in upper case, or undefined. */
export function classCode(name: string): number | undefined {
  return classCodes[name];
}

/** `AAAA` for 28, `TYPE65280` for a code without a name (RFC 3597). */
export function typeName(code: number): string {
  return typeNames.get(code) ?? `TYPE${code}`;
}

/** The code of a type's name in upper case, or undefined. */
export function typeCode(name: string): number | undefined {
  const known = typeCodes[name];
  if (known !== undefined) return known;
  const generic = /^TYPE(\d+)$/.exec(name);
  return generic ? Number(generic[1]) : undefined;
}

/** The type's name of a record, of those without a form here too. */
export function typeOf(record: ResourceRecord): string {
  return record.type === 'RAW' ? typeName(record.code) : record.type;
}

/** An extended error (RFC 8914) as an EDNS option. */
export function extendedError(code: number, text = ''): EdnsOption {
  return { code: 15, data: Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(text)]) };
}

/** A reply without records. */
export function emptyReply(rcode: number): Reply {
  return { rcode, answers: [], authorities: [], additionals: [] };
}
