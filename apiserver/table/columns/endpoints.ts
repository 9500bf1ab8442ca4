import { joinHostPort } from '../../../api/address.ts';
import type { Endpoint, EndpointSlice, Endpoints } from '../../../api/types.ts';
import type { Column } from '../../registry/strategy.ts';
import { ageColumn, column, firstThree, nameColumn } from './common.ts';

/** Columns of Endpoints. Upstream: `printEndpoints` in `pkg/printers/internalversion/printers.go`. */
export const endpointsColumns: readonly Column<Endpoints>[] = [
  nameColumn,
  column('Endpoints', 'Addresses and ports that are ready.', formatSubsets),
  ageColumn,
];

/** Columns of EndpointSlices. */
export const endpointSliceColumns: readonly Column<EndpointSlice>[] = [
  nameColumn,
  column('AddressType', 'The kind of address in this slice.', ({ addressType }) => addressType),
  column('Ports', 'The ports each endpoint serves.', ({ ports }) =>
    ports?.length
      ? firstThree(ports.map(({ port }) => (port === undefined ? '*' : String(port))))
      : '<unset>',
  ),
  column('Endpoints', 'The addresses of the endpoints.', ({ endpoints }) => formatAddresses(endpoints ?? [])),
  ageColumn,
];

function formatSubsets({ subsets = [] }: Endpoints): string {
  if (subsets.length === 0) return '<none>';
  const all = subsets.flatMap(({ addresses = [], ports = [] }) => {
    if (ports.length === 0) return addresses.map(({ ip }) => ip);
    return ports.flatMap(({ port }) => addresses.map(({ ip }) => joinHostPort(ip, port)));
  });
  return firstThree(all);
}

function formatAddresses(endpoints: readonly Endpoint[]): string {
  if (endpoints.length === 0) return '<unset>';
  return firstThree(endpoints.flatMap(({ addresses }) => addresses));
}
