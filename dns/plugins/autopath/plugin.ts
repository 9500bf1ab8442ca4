import { zonesFromArgs } from '../../corefile/zones.ts';
import type { Handler, Plugin, SearchPath } from '../../plugin.ts';
import { type Query, Rcode, type Reply } from '../../wire/message.ts';
import { fqdn, isSubdomain, matchZone } from '../../wire/names.ts';
import { searchPathOf } from '../resolv-conf.ts';

/** Walks a client's search path for it, so that it need not ask for every name in it. */
export const autopath: Plugin = {
  name: 'autopath',
  setup({ tokens, block, onStart }) {
    let zones: string[] = [];
    let search: SearchPath = () => undefined;
    while (tokens.next()) {
      const args = tokens.remainingArgs();
      const source = args.pop();
      if (source === undefined) throw tokens.error('no resolv-conf specified');
      zones = zonesFromArgs(args, block.zones);
      if (source.startsWith('@')) {
        const plugin = source.slice(1);
        const missing = tokens.error(`plugin ${JSON.stringify(plugin)} has no search path for autopath here`);
        onStart(() => {
          const found = block.searchPaths.get(plugin);
          if (!found) throw missing;
          search = found;
        });
      } else {
        try {
          const path = [...searchPathOf(source), ''];
          search = () => path;
        } catch (error) {
          throw tokens.error(`failed to parse ${JSON.stringify(source)}: ${(error as Error).message}`);
        }
      }
    }
    return (next) => (query) => {
      if (matchZone(zones, query.lower) === undefined) return next(query);
      const path = search(query);
      const [first] = path ?? [];
      if (!path || first === undefined || !isSubdomain(first, query.lower)) return next(query);
      return walk(query, path, first, next);
    };
  },
};

/**
 * Asks for the name in each zone of the path, the empty one being the name as it was typed; the first that exists
 * is the answer, under a CNAME from the name that was asked for. When none does, the first denial is.
 */
async function walk(query: Query, path: readonly string[], first: string, next: Handler): Promise<Reply> {
  const base = query.name.slice(0, query.name.length - first.length).replace(/\.$/, '');
  let denial: Reply | undefined;
  for (const zone of path) {
    const name = base === '' ? fqdn(zone) : fqdn(`${base}.${zone}`).replace(/\.\.$/, '.');
    const reply = await next({ ...query, name, lower: name.toLowerCase() });
    if (reply.rcode !== Rcode.NXDOMAIN && isAnswer(reply)) return withAlias(reply, query.name);
    denial ??= reply;
  }
  return denial as Reply;
}

/** What is not: a failure that no plugin wrote a reply for. */
function isAnswer({ rcode }: Reply): boolean {
  return (
    rcode !== Rcode.SERVFAIL && rcode !== Rcode.REFUSED && rcode !== Rcode.FORMERR && rcode !== Rcode.NOTIMP
  );
}

function withAlias(reply: Reply, name: string): Reply {
  const [first] = reply.answers;
  if (!first || first.name.toLowerCase() === name.toLowerCase()) return reply;
  return { ...reply, answers: [{ name, ttl: first.ttl, type: 'CNAME', data: first.name }, ...reply.answers] };
}
