import { optionalAddress } from '../../corefile/values.ts';
import { type Plugin, whenReplied } from '../../plugin.ts';
import { labels } from '../../server/metrics.ts';
import { type Query, Rcode, type Repeated, type Reply, rcodeName } from '../../wire/message.ts';
import { matchZone } from '../../wire/names.ts';

/** Seconds; upstream: plugin/pkg/metrics TimeBuckets. */
const times = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i);
const countedTypes = new Set(
  'AAAA A CNAME DNSKEY DS HTTPS MX NS NSEC3 NSEC PTR RRSIG SOA SRV SVCB TXT ANY'.split(' '),
);

/** Counts queries and replies, and shows the counts at `/metrics` under CoreDNS' names. */
export const prometheus: Plugin = {
  name: 'prometheus',
  setup({ tokens, block, surroundings: { http, metrics }, repeatable, onStart, onStop }) {
    let address = { host: 'localhost', port: 9153 };
    while (tokens.next()) {
      address = optionalAddress(tokens, address);
      while (tokens.nextBlock()) {
        if (tokens.value !== 'runtime_metrics') throw tokens.unknownProperty();
        tokens.args(0); // they are about Go
      }
    }
    const requests = metrics.counter(
      'coredns_dns_requests_total',
      'Counter of DNS requests made per zone, protocol and family.',
    );
    const responses = metrics.counter('coredns_dns_responses_total', 'Counter of response status codes.');
    const durations = metrics.histogram(
      'coredns_dns_request_duration_seconds',
      'Histogram of the time (in seconds) each request took per zone.',
      times,
    );
    const server = `dns://:${block.port}`;
    metrics
      .gauge('coredns_build_info', 'A metric with a constant 1 value labeled by version.')
      .set(labels({ goversion: '', revision: '', version: '1.12.0' }), 1);
    const enabled = metrics.gauge(
      'coredns_plugin_enabled',
      'A metric that indicates whether a plugin is enabled.',
    );
    for (const zone of block.zones)
      for (const name of block.plugins) enabled.set(labels({ name, server, view: '', zone }), 1);

    let remove = () => {};
    onStart(async () => {
      const type = 'text/plain; version=0.0.4; charset=utf-8';
      remove = await http.serve(address, '/metrics', () => ({ status: 200, body: metrics.text(), type }));
    });
    onStop(() => remove());

    const counts = new Map<string, Repeated>();

    /** Counts replies like this one: there is one for each zone, type and rcode. */
    function counterFor({ lower, type }: Query, rcode: number): Repeated {
      const zone = matchZone(block.zones, lower) ?? 'dropped';
      const kind = countedTypes.has(type) ? type : 'other';
      const key = `${zone} ${kind} ${rcode}`;
      const known = counts.get(key);
      if (known) return known;
      const common = `server="${server}",view="",zone="${zone}"`;
      const response = `plugin="",rcode="${rcodeName(rcode)}",${common}`;
      const request = (family: number, protocol: string) =>
        `family="${family}",proto="${protocol}",server="${server}",type="${kind}",view="",zone="${zone}"`;
      const by = {
        udp: [request(1, 'udp'), request(2, 'udp')],
        tcp: [request(1, 'tcp'), request(2, 'tcp')],
      } as const;
      const count: Repeated = ({ address }, protocol, started) => {
        requests.add(by[protocol][address.includes(':') && !address.includes('.') ? 1 : 0]); // not ::ffff:10.0.0.1
        responses.add(response);
        durations.observe(common, (performance.now() - started) / 1000);
      };
      counts.set(key, count);
      return count;
    }

    repeatable({ watcher: (query, { rcode }) => counterFor(query, rcode) });
    return (next) => (query) => {
      const started = performance.now();
      const count = ({ rcode }: Pick<Reply, 'rcode'>) =>
        counterFor(query, rcode)(query.client, query.protocol, started);
      const fail = (error: unknown): never => {
        count({ rcode: Rcode.SERVFAIL });
        throw error;
      };
      try {
        const reply = whenReplied(next(query), (ready) => {
          count(ready);
          return ready;
        });
        return reply instanceof Promise ? reply.catch(fail) : reply;
      } catch (error) {
        return fail(error);
      }
    };
  },
};
