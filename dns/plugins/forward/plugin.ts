import { joinHostPort } from '../../../api/address.ts';
import type { Handler, Plugin } from '../../plugin.ts';
import { emptyReply, type Query, Rcode, type Reply } from '../../wire/message.ts';
import { createCounts, type ForwardCounts } from './metrics.ts';
import { type ForwardOptions, isForwarded, parseOptions } from './options.ts';
import { createUpstream, type Upstream } from './upstream.ts';

/** Milliseconds after which a query is given up, however many upstreams are left to try. */
const deadline = 5_000;
const attemptsPerUpstream = 2;

/** Passes queries on to other servers. */
export const forward: Plugin = {
  name: 'forward',
  setup({ tokens, onStop, surroundings }) {
    const forwards: Forward[] = [];
    const counts = createCounts(surroundings.metrics);
    while (tokens.next()) {
      const options = parseOptions(tokens);
      const upstreams = options.to.map((address) => createUpstream(address, options, counts.of(address)));
      onStop(() => {
        for (const upstream of upstreams) upstream.close();
      });
      forwards.push({ options, upstreams, counts });
    }
    return (next) =>
      forwards.reduceRight(
        (rest, forward, index) => createHandler(forward, rest, index + 1 < forwards.length),
        next,
      );
  },
};

/** One `forward` directive. */
interface Forward {
  options: ForwardOptions;
  upstreams: Upstream[];
  counts: ForwardCounts;
}

/** `isFollowed`: the handler after this one is another `forward`, which `next` may leave queries to. */
function createHandler({ options, upstreams, counts }: Forward, next: Handler, isFollowed: boolean): Handler {
  const order = createOrder(options.policy);
  const isLeft = ({ rcode, answers }: Reply) =>
    isFollowed &&
    (options.next.includes(rcode) || (options.nextOnNodata && rcode === 0 && answers.length === 0));
  let underway = 0;
  return (query) => {
    if (!isForwarded(options, query.lower)) return next(query);
    if (options.maxConcurrent > 0 && underway >= options.maxConcurrent) {
      counts.rejected();
      return emptyReply(Rcode.REFUSED);
    }
    underway++;
    return ask(query, order(upstreams), options, counts)
      .finally(() => {
        underway--;
      })
      .then((reply) => (isLeft(reply) ? next(query) : reply));
  };
}

async function ask(
  query: Query,
  list: Upstream[],
  options: ForwardOptions,
  counts: ForwardCounts,
): Promise<Reply> {
  const start = performance.now();
  const most = options.maxConnectAttempts ?? attemptsPerUpstream * list.length;
  let failure = new Error('no healthy proxies');
  let failovers = 0;
  for (let attempt = 0; most === 0 || attempt < most; attempt++) {
    if (attempt > 0 && performance.now() - start > deadline) break;
    const upstream = pick(list, attempt, options.failfast, counts);
    if (!upstream) break;
    try {
      const { host, port } = upstream.address;
      query.metadata?.set('forward/upstream', () => joinHostPort(host, port));
      const reply = await askOne(upstream, query, options);
      if (options.failover.includes(reply.rcode) && ++failovers < list.length) continue;
      return reply;
    } catch (error) {
      failure = error as Error;
      upstream.probe();
    }
  }
  throw failure;
}

/** The next one that is up; when none is, health checks may be what is broken, and a random one is tried. */
function pick(
  list: Upstream[],
  attempt: number,
  failfast: boolean,
  counts: ForwardCounts,
): Upstream | undefined {
  for (let i = 0; i < list.length; i++) {
    const upstream = list[(attempt + i) % list.length];
    if (upstream && !upstream.isDown()) return upstream;
  }
  counts.broken();
  return failfast ? undefined : list[Math.floor(Math.random() * list.length)];
}

/**
 * Over the protocol that the client used, as upstream does, so that a truncated reply makes the client come
 * again by TCP. With `prefer_udp` the second try is ours.
 */
async function askOne(upstream: Upstream, query: Query, options: ForwardOptions): Promise<Reply> {
  const { forceTcp, preferUdp } = options;
  const protocol = forceTcp ? 'tcp' : preferUdp ? 'udp' : query.protocol;
  const reply = await upstream.ask(query, protocol);
  if (!reply.truncated || protocol === 'tcp' || !preferUdp) return reply;
  return upstream.ask(query, 'tcp');
}

function createOrder(policy: ForwardOptions['policy']): (list: Upstream[]) => Upstream[] {
  let turn = 0;
  const rotated = (list: Upstream[], by: number) => [...list.slice(by), ...list.slice(0, by)];
  switch (policy) {
    case 'sequential':
      return (list) => list;
    case 'round_robin':
      return (list) => rotated(list, turn++ % list.length);
    case 'random':
      return (list) => (list.length === 1 ? list : shuffled(list));
  }
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value);
}
