import type { ResourceRecord } from '../../wire/message.ts';
import type { KubernetesOptions } from './options.ts';
import type { Records } from './records.ts';

/** The SOA of a zone, in the case that the zone is written in. Upstream: plugin/backend_lookup.go. */
export function soaOf(
  zone: string,
  { ttl }: Pick<KubernetesOptions, 'ttl'>,
  { modified }: Pick<Records, 'modified'>,
): ResourceRecord {
  const below = zone === '.' ? '' : zone;
  return {
    name: zone,
    ttl: Math.min(ttl, 300),
    type: 'SOA',
    data: {
      mname: `ns.dns.${below}`,
      rname: `hostmaster.${below}`,
      serial: modified,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    },
  };
}
