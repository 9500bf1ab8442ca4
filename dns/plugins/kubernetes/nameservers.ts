import { endpointName, type Target } from './lookup.ts';
import type { KubernetesOptions } from './options.ts';
import type { Records } from './records.ts';

interface Of {
  records: Records;
  options: KubernetesOptions;
  localAddresses: () => readonly string[];
}

/** True for `ns.dns.ZONE`, the name that the zone's SOA gives for its server. */
export function isNameServer(name: string, zone: string): boolean {
  return name.length === zone.length + 7 && name.toLowerCase() === `ns.dns.${zone.toLowerCase()}`;
}

/**
 * The zone's name servers: the Services whose endpoints include this server, or its own addresses when there is
 * none. Upstream: plugin/kubernetes/ns.go.
 */
export function nameServers({ records, options, localAddresses }: Of, zone: string): Target[] {
  const found: Target[] = [];
  let hasEndpoint = false;
  const local = localAddresses();
  for (const address of local) {
    for (const slice of records.slicesByIp(address)) {
      hasEndpoint = true;
      const [name = '', namespace = ''] = slice.service.split('.');
      const service = records.service(name, namespace);
      if (!service) continue;
      const base = `${slice.service}.svc.${zone}`;
      if (service.headless)
        for (const endpoint of slice.addresses)
          found.push({ host: endpoint.ip, port: -1, owner: `${endpointName(endpoint, options)}.${base}` });
      else for (const host of service.clusterIps) found.push({ host, port: -1, owner: base });
    }
  }
  return hasEndpoint ? found : local.map((host) => ({ host, port: -1, owner: `ns.dns.${zone}` }));
}
