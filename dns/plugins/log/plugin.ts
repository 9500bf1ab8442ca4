import { isIPv6 } from 'node:net';
import { type Plugin, whenReplied } from '../../plugin.ts';
import { plainSize } from '../../wire/encode.ts';
import { type Query, Rcode, type Reply, rcodeName } from '../../wire/message.ts';
import { fqdn, isSubdomain } from '../../wire/names.ts';

interface Rule {
  scope: string;
  format: string;
  classes: ReadonlySet<string>;
}

const common =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
const classNames = ['all', 'denial', 'error', 'success'];

/** Writes a line for each query. */
export const log: Plugin = {
  name: 'log',
  setup({ tokens, surroundings }) {
    const rules: Rule[] = [];
    while (tokens.next()) {
      const args = tokens.remainingArgs();
      const last = args.at(-1);
      const hasFormat = args.length > 1 && last?.includes('{');
      const format = hasFormat ? formatOf(args.pop() ?? '') : common;
      const classes = new Set<string>();
      while (tokens.nextBlock()) {
        if (tokens.value !== 'class') throw tokens.unknownProperty();
        for (const name of tokens.args(1, Number.POSITIVE_INFINITY)) {
          if (!classNames.includes(name)) throw tokens.error(`invalid Class: ${name}`);
          classes.add(name);
        }
      }
      if (classes.size === 0) classes.add('all');
      for (const scope of args.length > 0 ? args : ['.'])
        rules.push({ scope: fqdn(scope).toLowerCase(), format, classes });
    }
    return (next) => (query) => {
      const rule = rules.find(({ scope }) => isSubdomain(scope, query.lower));
      if (!rule) return next(query);
      const start = performance.now();
      const write = (reply: Reply): Reply => {
        if (rule.classes.has('all') || rule.classes.has(classOf(reply)))
          surroundings.log.info(fill(rule.format, query, reply, performance.now() - start));
        return reply;
      };
      const fail = (error: unknown): never => {
        write({ rcode: Rcode.SERVFAIL, answers: [], authorities: [], additionals: [] });
        throw error;
      };
      try {
        const reply = whenReplied(next(query), write);
        return reply instanceof Promise ? reply.catch(fail) : reply;
      } catch (error) {
        return fail(error);
      }
    };
  },
};

function formatOf(text: string): string {
  return text.replaceAll('{common}', common).replaceAll('{combined}', `${common} "{>opcode}"`);
}

/** Upstream: plugin/pkg/response. */
function classOf({ rcode, answers }: Reply): string {
  if (rcode === Rcode.NXDOMAIN || (rcode === Rcode.NOERROR && answers.length === 0)) return 'denial';
  return rcode === Rcode.NOERROR ? 'success' : 'error';
}

/** Metadata, and what this plugin itself says of a reply; upstream: plugin/pkg/response. */
function labelOf(label: string, { metadata }: Query, reply: Reply): string | undefined {
  if (!metadata) return undefined;
  if (label === 'log/class') return classOf(reply);
  if (label === 'log/type') {
    if (reply.rcode !== Rcode.NOERROR) return rcodeName(reply.rcode);
    return reply.answers.length === 0 ? 'NODATA' : 'NOERROR';
  }
  return metadata.get(label)?.();
}

function fill(format: string, query: Query, reply: Reply, milliseconds: number): string {
  const address = query.client.address.replace(/^::ffff:/, '');
  const flags = ['qr', reply.authoritative && 'aa', reply.truncated && 'tc', query.recursionDesired && 'rd'];
  flags.push(reply.recursionAvailable && 'ra', reply.authenticData && 'ad', query.checkingDisabled && 'cd');
  const values: Record<string, () => string> = {
    remote: () => (isIPv6(address) ? `[${address}]` : address),
    port: () => String(query.client.port),
    '>id': () => String(query.id),
    type: () => query.type,
    class: () => (query.class === 1 ? 'IN' : `CLASS${query.class}`),
    name: () => query.name,
    proto: () => query.protocol,
    size: () => String(query.size),
    '>do': () => String(query.edns?.dnssecOk ?? false),
    '>bufsize': () => String(query.protocol === 'tcp' ? 65_535 : Math.max(query.edns?.udpSize ?? 512, 512)),
    rcode: () => rcodeName(reply.rcode),
    '>rflags': () => flags.filter(Boolean).join(','),
    '>opcode': () => '0',
    rsize: () => String(plainSize(query, reply)),
    duration: () => `${(milliseconds / 1000).toFixed(9)}s`,
  };
  return format.replace(/\{([^{}]+)\}/g, (_, key: string) => {
    if (key.startsWith('/')) return labelOf(key.slice(1), query, reply) || '-';
    return values[key]?.() ?? '-';
  });
}
