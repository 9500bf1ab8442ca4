import { isIPv4, isIPv6 } from 'node:net';
import { resources } from '../../../api/scheme.ts';
import type { DiscoveryEndpointPort, Endpoint, EndpointSlice } from '../../../api/types.ts';
import { endpointSliceColumns } from '../../table/columns/endpoints.ts';
import type { FieldError, Strategy } from '../strategy.ts';
import { duplicate, invalid, invalidEach, oneOf, required, tooMany } from './validation/field.ts';
import { dnsLabel, dnsSubdomain, portNumber } from './validation/names.ts';
import { validateNonSpecialIp } from './validation/special-ips.ts';

const mostEndpoints = 1000;
const mostAddresses = 100;
const mostPorts = 20_000;

/** Upstream: `pkg/apis/discovery/v1/defaults.go`, `pkg/apis/discovery/validation/validation.go`. */
export const endpointSliceStrategy: Strategy<EndpointSlice> = {
  resource: resources.endpointslices,
  defaults({ ports = [] }) {
    for (const port of ports) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  validate(slice, old) {
    const { addressType, endpoints = [], ports = [] } = slice;
    const errors = oneOf('addressType', addressType, ['FQDN', 'IPv4', 'IPv6']);
    if (endpoints.length > mostEndpoints) errors.push(tooMany('endpoints', endpoints.length, mostEndpoints));
    for (const [index, endpoint] of endpoints.entries()) {
      errors.push(...validateEndpoint(`endpoints[${index}]`, endpoint, addressType));
    }
    errors.push(...validatePorts(ports));
    if (old && old.addressType !== addressType) {
      errors.push(invalid('addressType', addressType, 'field is immutable'));
    }
    return errors;
  },
  columns: endpointSliceColumns,
};

function validateEndpoint(
  path: string,
  { addresses = [], hostname, nodeName }: Endpoint,
  type: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  if (addresses.length > mostAddresses)
    errors.push(tooMany(`${path}.addresses`, addresses.length, mostAddresses));
  for (const [index, address] of addresses.entries()) {
    errors.push(...validateAddress(`${path}.addresses[${index}]`, address, type));
  }
  if (nodeName) errors.push(...invalidEach(`${path}.nodeName`, nodeName, dnsSubdomain(nodeName)));
  if (hostname) errors.push(...invalidEach(`${path}.hostname`, hostname, dnsLabel(hostname)));
  return errors;
}

function validateAddress(field: string, address: string, type: string): FieldError[] {
  if (type === 'FQDN') return invalidEach(field, address, dnsSubdomain(address.replace(/\.$/, '')));
  const fits = type === 'IPv6' ? isIPv6(address) : isIPv4(address);
  return fits
    ? validateNonSpecialIp(field, address)
    : [invalid(field, address, `must be a valid ${type} address`)];
}

function validatePorts(ports: readonly DiscoveryEndpointPort[]): FieldError[] {
  if (ports.length > mostPorts) return [tooMany('ports', ports.length, mostPorts)];
  const names = new Set<string>();
  return ports.flatMap(({ name = '', port, protocol }, index) => {
    const field = `ports[${index}]`;
    const errors = name ? invalidEach(`${field}.name`, name, dnsLabel(name)) : [];
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
    if (port !== undefined) errors.push(...invalidEach(`${field}.port`, port, portNumber(port)));
    return [...errors, ...oneOf(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'])];
  });
}
