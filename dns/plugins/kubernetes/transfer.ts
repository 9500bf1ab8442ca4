import { isIP, isIPv4 } from 'node:net';
import type { ResourceRecord } from '../../wire/message.ts';
import { fqdn } from '../../wire/names.ts';
import { endpointName, isExposed, isMulticluster } from './lookup.ts';
import { nameServers } from './nameservers.ts';
import type { ServiceRecord } from './objects.ts';
import type { KubernetesOptions } from './options.ts';
import type { Records } from './records.ts';
import { soaOf } from './soa.ts';

interface Of {
  records: Records;
  imports?: Records | undefined;
  options: KubernetesOptions;
  localAddresses: () => readonly string[];
}

/**
 * Everything in a zone of Services, for a transfer: SOA, NS and their addresses, Services by name, SOA. Pods have no
 * part in it. Undefined for zones that are not here, and for reverse ones. Upstream: plugin/kubernetes/xfr.go.
 */
export function zoneRecords(own: Of, zone: string): ResourceRecord[] | undefined {
  const { options } = own;
  const isShared = own.imports && isMulticluster(options.multiclusterZones, zone);
  const records = (isShared && own.imports) || own.records;
  const of = { ...own, records };
  if (!options.zones.includes(zone) || zone.endsWith('.arpa.')) return undefined;
  const { ttl } = options;
  const soa = soaOf(zone, options, records);
  const servers = nameServers(own, zone);
  const services = [...records.services()]
    .filter(({ namespace }) => isExposed(records, options, namespace))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.namespace < b.namespace ? -1 : 1));
  return [
    soa,
    ...[...new Set(servers.map(({ owner }) => owner))].map(
      (data): ResourceRecord => ({ name: zone, ttl, type: 'NS', data }),
    ),
    ...servers.map(({ host, owner }) => address(owner, ttl, host)),
    ...services.flatMap((service) =>
      serviceRecords(of, service, `${service.name}.${service.namespace}.svc.${zone}`),
    ),
    soa,
  ];
}

function serviceRecords(of: Of, service: ServiceRecord, name: string): ResourceRecord[] {
  const { ttl } = of.options;
  if (service.type === 'ExternalName') {
    const data = fqdn(service.externalName);
    return isIP(service.externalName) ? [] : [{ name, ttl, type: 'CNAME', data }];
  }
  if (service.headless) return endpointRecords(of, service, name);
  const ips = service.clusterIps.filter((ip) => isIP(ip));
  const ports = service.ports.filter(({ port }) => port !== -1);
  return [
    ...ips.map((ip) => address(name, ttl, ip)),
    ...ports.flatMap((port) => [
      srv(name, ttl, 100, port.port, name),
      ...(port.name === '' ? [] : [srv(portName(port, name), ttl, 100, port.port, name)]),
    ]),
  ];
}

function endpointRecords({ records, options }: Of, service: ServiceRecord, name: string): ResourceRecord[] {
  const { ttl } = options;
  return [...records.slices(`${service.name}.${service.namespace}`)].flatMap(({ addresses, ports }) => {
    const weight = Math.max(1, Math.floor(100 / addresses.length));
    return addresses.flatMap((endpoint) => {
      const own = `${endpointName(endpoint, options)}.${name}`;
      return [
        address(name, ttl, endpoint.ip),
        address(own, ttl, endpoint.ip),
        ...ports
          .filter((port) => port.name !== '')
          .map((port) => srv(portName(port, name), ttl, weight, port.port, own)),
      ];
    });
  });
}

function portName({ name, protocol }: { name: string; protocol: string }, of: string): string {
  return `_${name}._${protocol}.`.toLowerCase() + of;
}

function address(name: string, ttl: number, ip: string): ResourceRecord {
  return { name, ttl, type: isIPv4(ip) ? 'A' : 'AAAA', data: ip };
}

function srv(name: string, ttl: number, weight: number, port: number, target: string): ResourceRecord {
  return { name, ttl, type: 'SRV', data: { priority: 0, weight, port, target } };
}
