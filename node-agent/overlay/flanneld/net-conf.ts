import { parseCidr } from '../../../api/address.ts';
import type { Backend } from '../options.ts';

/** flannel's `net-conf.json`, as far as a node needs it. */
export interface NetConf {
  /** The cluster's pod networks: `Network`, then `IPv6Network`. */
  clusterCidrs: string[];
  backend: Backend;
}

/** What is wrong with a `net-conf.json`. */
export class NetConfError extends Error {
  constructor(field: string, value: unknown, why: string) {
    super(`net-conf.json: ${field}: ${JSON.stringify(value)}: ${why}`);
    this.name = 'NetConfError';
  }
}

/**
 * Reads a `net-conf.json`. Keys are taken in any case, as Go does; without a backend it is `udp`. What the kernel is
 * not told of here (`GBP`, `Learning`, `EnableNFTables`) is left alone. Throws {@link NetConfError}. Upstream: flannel
 * `pkg/subnet/config.go`, `pkg/backend/*`.
 */
export function parseNetConf(text: string): NetConf {
  const conf = keyed(parsed(text), 'net-conf.json');
  const clusterCidrs = [
    ...(conf.enableipv4 === false ? [] : [network(conf, 'Network', 'IPv4')]),
    ...(conf.enableipv6 === true ? [network(conf, 'IPv6Network', 'IPv6')] : []),
  ];
  return { clusterCidrs, backend: backendOf(keyed(conf.backend ?? { Type: 'udp' }, 'Backend')) };
}

type Keyed = Readonly<Record<string, unknown>>;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new NetConfError('text', text, `is no JSON: ${(error as Error).message}`);
  }
}

function keyed(value: unknown, field: string): Keyed {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new NetConfError(field, value, 'must be an object');
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key.toLowerCase(), each]));
}

function network(conf: Keyed, field: string, family: 'IPv4' | 'IPv6'): string {
  const value = conf[field.toLowerCase()];
  if (typeof value === 'string') {
    try {
      if (parseCidr(value).family === family) return value;
    } catch (error) {
      throw new NetConfError(field, value, (error as Error).message);
    }
  }
  throw new NetConfError(field, value, `must be an ${family} network, such as 10.244.0.0/16`);
}

function backendOf(backend: Keyed): Backend {
  const { type } = backend;
  switch (type) {
    case 'vxlan':
      return {
        type,
        ...numbers(backend, { VNI: 'vni', Port: 'port', MTU: 'mtu' }),
        ...(backend.directrouting === true ? { directRouting: true } : {}),
      };
    case 'host-gw':
      return { type };
    case 'udp':
      return { type, ...numbers(backend, { Port: 'port' }) };
    default:
      throw new NetConfError('Backend.Type', type, 'must be vxlan, host-gw or udp');
  }
}

/** Those of the fields that are there and not 0, which stands for the default. */
function numbers<Name extends string>(
  backend: Keyed,
  fields: Readonly<Record<string, Name>>,
): Partial<Record<Name, number>> {
  const found: Partial<Record<Name, number>> = {};
  for (const [field, name] of Object.entries(fields)) {
    const value = backend[field.toLowerCase()];
    if (value === undefined || value === 0) continue;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
      throw new NetConfError(`Backend.${field}`, value, 'must be a whole number');
    found[name] = value;
  }
  return found;
}
