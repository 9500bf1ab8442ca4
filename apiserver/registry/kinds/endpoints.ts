import { resources } from '../../../api/scheme.ts';
import type { CoreEndpointPort, EndpointAddress, Endpoints } from '../../../api/types.ts';
import { endpointsColumns } from '../../table/columns/endpoints.ts';
import type { FieldError, Strategy } from '../strategy.ts';
import { invalidEach, oneOf, required } from './validation/field.ts';
import { dnsLabel, ipAddress, portNumber } from './validation/names.ts';
import { validateNonSpecialIp } from './validation/special-ips.ts';

/** Upstream: `ValidateEndpoints` in `pkg/apis/core/validation/validation.go`. */
export const endpointsStrategy: Strategy<Endpoints> = {
  resource: resources.endpoints,
  defaults({ subsets = [] }) {
    for (const { ports = [] } of subsets) for (const port of ports) port.protocol ||= 'TCP';
  },
  validate: ({ subsets = [] }) =>
    subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }, index) => {
      const path = `subsets[${index}]`;
      const errors: FieldError[] = [];
      if (addresses.length + notReadyAddresses.length === 0) {
        errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
      }
      return [
        ...errors,
        ...addresses.flatMap((one, at) => validateAddress(`${path}.addresses[${at}]`, one)),
        ...notReadyAddresses.flatMap((one, at) => validateAddress(`${path}.notReadyAddresses[${at}]`, one)),
        ...ports.flatMap((one, at) => validatePort(`${path}.ports[${at}]`, one, ports.length > 1)),
      ];
    }),
  columns: endpointsColumns,
};

function validateAddress(field: string, { ip, hostname }: EndpointAddress): FieldError[] {
  const problems = ipAddress(ip);
  const errors = hostname ? invalidEach(`${field}.hostname`, hostname, dnsLabel(hostname)) : [];
  if (problems.length > 0) return [...errors, ...invalidEach(`${field}.ip`, ip, problems)];
  return [...errors, ...validateNonSpecialIp(`${field}.ip`, ip)];
}

function validatePort(
  field: string,
  { name, port, protocol }: CoreEndpointPort,
  needsName: boolean,
): FieldError[] {
  const errors = name ? invalidEach(`${field}.name`, name, dnsLabel(name)) : [];
  if (!name && needsName) errors.push(required(`${field}.name`));
  return [
    ...errors,
    ...invalidEach(`${field}.port`, port, portNumber(port)),
    ...oneOf(`${field}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']),
  ];
}
