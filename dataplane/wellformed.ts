import { cidrOf, familyOf } from '../api/address.ts';
import type { KubeObject } from '../api/object.ts';
import { ObjectsError } from './objects.ts';

/**
 * An object without its nulls, which count as absent, and with every field that a proxy reads checked: what
 * comes from a file has met no API server. Other kinds are left as they are. Throws an {@link ObjectsError}
 * that names object, field and value.
 */
export function wellFormed(object: KubeObject): KubeObject {
  const shape = shapes[object.kind ?? ''];
  if (!shape) return object;
  const { name, namespace = 'default', generateName = '' } = object.metadata ?? {};
  const who = `${object.kind} ${JSON.stringify(object.kind === 'Node' ? (name ?? '') : `${namespace}/${name ?? generateName}`)}`;
  const wrong = (path: string, what: string) => new ObjectsError(`${who}: ${path}: ${what}`);
  // Slices usually get their name from the API.
  if (!name && object.kind !== 'EndpointSlice') throw wrong('metadata.name', 'Required value');
  return read(object, shape, '', wrong) as KubeObject;
}

/** Says what a value is not, or nothing. */
type Check = (value: unknown) => string | undefined;
/** A check, a list of one shape, or fields; fields that are not named are not looked at. */
type Shape = Check | readonly [Shape] | { readonly [field: string]: Shape };
type Wrong = (path: string, what: string) => ObjectsError;

const text: Check = (value) => (typeof value === 'string' ? undefined : 'a string');
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'a boolean');
const number: Check = (value) => (Number.isInteger(value) ? undefined : 'a whole number');
const port: Check = (value) =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536 ? undefined : 'a port, 1 to 65535';
const nodePort: Check = (value) => (value === 0 ? undefined : port(value));
const address: Check = (value) =>
  typeof value === 'string' && familyOf(value) ? undefined : 'an IP address';
const clusterIP: Check = (value) => (value === '' || value === 'None' ? undefined : address(value));
const cidr: Check = (value) =>
  typeof value === 'string' && cidrOf(value.trim()) ? undefined : 'a CIDR, as in 10.0.0.0/8';
const protocol: Check = (value) =>
  ['TCP', 'UDP', 'SCTP'].includes(String(value)) ? undefined : 'one of TCP, UDP, SCTP';
/** Names of Services and ports stand in comments of rules, which end at a quote or a line. */
const name: Check = (value) =>
  typeof value === 'string' && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(value)
    ? undefined
    : 'a name of lower case letters, digits, - and .';
const portName: Check = (value) => (value === '' ? undefined : name(value));

const metadata: Shape = { name: text, namespace: text, generateName: text, labels: {} };

const shapes: { readonly [kind: string]: Shape } = {
  Service: {
    metadata: { name, namespace: name, labels: {} },
    spec: {
      type: text,
      clusterIP,
      clusterIPs: [clusterIP],
      externalIPs: [address],
      ports: [{ name: portName, port, nodePort, protocol }],
      sessionAffinity: text,
      sessionAffinityConfig: { clientIP: { timeoutSeconds: number } },
      externalTrafficPolicy: text,
      internalTrafficPolicy: text,
      loadBalancerSourceRanges: [cidr],
      healthCheckNodePort: nodePort,
    },
    status: { loadBalancer: { ingress: [{ ip: address, ipMode: text }] } },
  },
  EndpointSlice: {
    metadata,
    addressType: text,
    ports: [{ name: portName, port, protocol }],
    endpoints: [
      {
        addresses: [text],
        conditions: { ready: flag, serving: flag, terminating: flag },
        nodeName: text,
        hints: { forZones: [{ name: text }], forNodes: [{ name: text }] },
      },
    ],
  },
  Node: {
    metadata,
    spec: { podCIDR: cidr, podCIDRs: [cidr] },
    status: { addresses: [{ type: text, address: text }] },
  },
  ServiceCIDR: { metadata, spec: { cidrs: [cidr] } },
};

function read(value: unknown, shape: Shape, path: string, wrong: Wrong): unknown {
  if (typeof shape === 'function') {
    const expected = shape(value);
    if (expected) throw wrong(path, `${JSON.stringify(value)} is not ${expected}`);
    return value;
  }
  if (isList(shape)) {
    if (!Array.isArray(value)) throw wrong(path, `${JSON.stringify(value)} is not a list`);
    return value.map((one, i) => read(one, shape[0], `${path}[${i}]`, wrong));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(path, `${JSON.stringify(value)} is not an object`);
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(
    fields.map(([field, one]) => {
      const known = shape[field];
      return [field, known ? read(one, known, path ? `${path}.${field}` : field, wrong) : one];
    }),
  );
}

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);
