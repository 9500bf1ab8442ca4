import { isIPv4 } from 'node:net';
import { plainAddress } from '../../corefile/subnets.ts';
import { addressBytes } from '../../wire/addresses.ts';
import { type EdnsOption, type Query, typeCode } from '../../wire/message.ts';
import type { Respond, Rewrite } from './rule.ts';

const nsid = 3;
const subnet = 8;
const actions = ['append', 'replace', 'set', 'unset'];

/** The data of an option for a query; undefined where there is none. */
type Data = (query: Query) => Buffer | undefined;

/**
 * Reads `local|nsid|subnet append|replace|set|unset … [revert]`. Throws an Error without a place. Upstream:
 * plugin/rewrite/edns0.go.
 */
export function parseEdnsRule(args: readonly string[]): Rewrite {
  const [kind = '', action = ''] = args.map((word) => word.toLowerCase());
  if (args.length < 2) throw new Error('too few arguments for an EDNS0 rule');
  if (!actions.includes(action)) throw new Error(`invalid action: ${JSON.stringify(action)}`);
  if (!['local', 'nsid', 'subnet'].includes(kind))
    throw new Error(`invalid rule type ${JSON.stringify(kind)}`);
  const isReverted = action !== 'unset' && args.at(-1) === 'revert';
  const rest = args.slice(2, isReverted ? -1 : undefined);
  const wanted = action === 'unset' ? (kind === 'local' ? 1 : 0) : kind === 'nsid' ? 0 : 2;
  if (rest.length !== wanted)
    throw new Error(`EDNS0 ${kind} rules with ${action} take ${wanted} arguments: ${rest.join(' ')}`);
  if (kind === 'nsid') return createRule(nsid, action, () => Buffer.alloc(0), isReverted);
  if (kind === 'subnet') return createRule(subnet, action, subnetData(action, rest), isReverted);
  return createRule(codeOf(rest[0] ?? ''), action, localData(rest[1] ?? ''), isReverted);
}

function createRule(code: number, action: string, dataOf: Data, isReverted: boolean): Rewrite {
  return (query) => {
    const edns = query.edns ?? { version: 0, udpSize: 512, dnssecOk: false, options: [] };
    const withOptions = (options: EdnsOption[]) => ({ ...query, edns: { ...edns, options } });
    const others = edns.options.filter((option) => option.code !== code);
    if (action === 'unset') return { query: withOptions(others), respond: [] };
    const old = edns.options.find((option) => option.code === code);
    const data = dataOf(query);
    if (!data || (old ? action === 'append' : action === 'replace')) return undefined;
    // The reply shows what was asked with, or, reverted, what had been asked with before.
    const shown = isReverted ? old : { code, data };
    const respond: Respond = {
      reply: (reply) => {
        const options = (reply.options ?? []).filter((option) => option.code !== code);
        return { ...reply, options: shown ? [...options, shown] : options };
      },
    };
    return { query: withOptions([...others, { code, data }]), respond: code === subnet ? [] : [respond] };
  };
}

function codeOf(text: string): number {
  const code = /^(?:0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(code <= 65_535)) throw new Error(`not an EDNS0 option code: ${JSON.stringify(text)}`);
  return code;
}

function localData(text: string): Data {
  if (text.startsWith('{') && text.endsWith('}')) {
    const name = text.slice(1, -1);
    const variable = variables[name] ?? (name.includes('/') ? metadataOf(name) : undefined);
    if (!variable) throw new Error(`unsupported variable name ${JSON.stringify(text)}`);
    return variable;
  }
  if (!text.startsWith('0x')) return () => Buffer.from(text);
  if (!/^(?:[0-9a-f]{2})*$/i.test(text.slice(2))) throw new Error(`not hexadecimal: ${JSON.stringify(text)}`);
  const data = Buffer.from(text.slice(2), 'hex');
  return () => data;
}

function metadataOf(label: string): Data {
  return ({ metadata }) => {
    const value = metadata?.get(label)?.() ?? '';
    return value === '' ? undefined : Buffer.from(value);
  };
}

const variables: Record<string, Data> = {
  qname: ({ name }) => Buffer.from(name),
  qtype: ({ type }) => number(typeCode(type) ?? 0),
  client_ip: ({ client }) => Buffer.from(addressBytes(plainAddress(client.address)) ?? []),
  client_port: ({ client }) => number(client.port),
  protocol: ({ protocol }) => Buffer.from(protocol),
};

function subnetData(action: string, [v4 = '', v6 = '']: string[]): Data {
  if (action === 'unset') return () => undefined;
  const lengths = [v4, v6].map((text, index) => {
    const length = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(length <= (index ? 128 : 32)))
      throw new Error(`invalid IPv${index ? 6 : 4} bit mask length ${text}`);
    return length;
  });
  return ({ client }) => {
    const address = plainAddress(client.address);
    const bytes = addressBytes(address);
    if (!bytes) return undefined;
    const length = lengths[isIPv4(address) ? 0 : 1] ?? 0;
    // RFC 7871 6: as many bytes as the prefix needs, the bits after it zero.
    const prefix = Buffer.from(bytes.slice(0, Math.ceil(length / 8)));
    const last = prefix.length - 1;
    if (length % 8) prefix[last] = (prefix[last] ?? 0) & (0xff << (8 - (length % 8)));
    return Buffer.concat([Buffer.from([0, isIPv4(address) ? 1 : 2, length, 0]), prefix]);
  };
}

function number(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}
