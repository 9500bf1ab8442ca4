import { expect, test } from 'vitest';
import { resources } from '../../../api/scheme.ts';
import type {
  ConfigMap,
  CoreEvent,
  EndpointSlice,
  Endpoints,
  Namespace,
  Node,
  Secret,
} from '../../../api/types.ts';
import { createStrategies } from './index.ts';
import { allResources } from './rows.ts';
import { admit, strategyOf } from './testing.ts';

const meta = { metadata: { name: 'a', namespace: 'default' } };

test('every kind of the scheme has a strategy with columns, and its names are checked', () => {
  const strategies = createStrategies({
    serviceCidrs: ['10.96.0.0/12'],
    serviceNodePortRange: '30000-32767',
  });
  expect(strategies.map(({ resource }) => resource)).toEqual(allResources);
  for (const strategy of strategies) {
    expect(strategy.columns?.length).toBeGreaterThan(1);
    if (strategy.resource.name === 'events') continue;
    // These may be called as one likes, as long as that fits into a path.
    const isFree = [
      resources.roles.group,
      resources.certificatesigningrequests.group,
      resources.apiservices.group,
    ].includes(strategy.resource.group);
    const name = isFree ? 'Not/A/Name' : 'Not_A_Name';
    expect(admit(strategy, { metadata: { name } }).errors[0]).toContain(
      `metadata.name: Invalid value: "${name}"`,
    );
  }
});

test('metadata: labels, annotations, owners, finalizers', () => {
  const strategy = strategyOf(resources.configmaps);
  const errorsOf = (metadata: ConfigMap['metadata']) =>
    admit(strategy, { metadata: { name: 'a', ...metadata } }).errors;
  expect(errorsOf({ labels: { 'example.com/a': 'b', c: '' } })).toEqual([]);
  expect(errorsOf({ labels: { a: '-b' } })).toEqual([
    "metadata.labels: Invalid value: \"-b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
  ]);
  expect(errorsOf({ labels: { a: 'x'.repeat(64) } })[0]).toContain('must be no more than 63 bytes');
  expect(errorsOf({ annotations: { '/a': 'b' } })).toEqual([
    'metadata.annotations: Invalid value: "/a": prefix part must be non-empty',
  ]);
  expect(errorsOf({ annotations: { a: 'x'.repeat(262145) } })).toEqual([
    'metadata.annotations: Too long: may not be more than 262144 bytes',
  ]);
  expect(errorsOf({ ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: '' }] })).toEqual([
    'metadata.ownerReferences.uid: Invalid value: "": uid must not be empty',
  ]);
  expect(errorsOf({ finalizers: ['a b'] })[0]).toContain('metadata.finalizers: Invalid value: "a b"');
  expect(errorsOf({ generateName: 'a-' })).toEqual([]);
});

test('a new finalizer is refused while the object is being deleted', () => {
  const strategy = strategyOf(resources.configmaps);
  const old: ConfigMap = {
    metadata: { name: 'a', deletionTimestamp: '2025-01-01T00:00:00Z', finalizers: ['x/y'] },
  };
  expect(admit(strategy, { metadata: { name: 'a', finalizers: ['x/y', 'x/z'] } }, old).errors).toEqual([
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ["x/z"]',
  ]);
});

test('namespaces', () => {
  const strategy = strategyOf(resources.namespaces);
  const { object } = admit<Namespace>(strategy, {
    metadata: { name: 'a' },
    status: { phase: 'Terminating' },
  });
  expect(object).toEqual({
    metadata: { name: 'a', labels: { 'kubernetes.io/metadata.name': 'a' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
  const emptied = admit<Namespace>(
    strategy,
    { metadata: { name: 'a' }, spec: { finalizers: [] } },
    object,
  ).object;
  expect(emptied.spec?.finalizers).toEqual(['kubernetes']);
});

test('config maps', () => {
  const strategy = strategyOf(resources.configmaps);
  const errorsOf = (object: ConfigMap, old?: ConfigMap) =>
    admit(strategy, { ...meta, ...object }, old).errors;
  expect(errorsOf({ data: { 'a.b-c_d': '' }, binaryData: { e: 'AA==' } })).toEqual([]);
  expect(errorsOf({ data: { 'a b': '' } })[0]).toContain(
    'data[a b]: Invalid value: "a b": a valid config key must consist of',
  );
  expect(errorsOf({ data: { '..': '' } })).toEqual(['data[..]: Invalid value: "..": must not be \'..\'']);
  expect(errorsOf({ data: { a: '' }, binaryData: { a: '' } })[0]).toContain(
    'duplicate of key present in binaryData',
  );
  expect(errorsOf({ data: { a: 'x'.repeat(1024 * 1024 + 1) } })).toEqual([
    ': Too long: may not be more than 1048576 bytes',
  ]);
  const frozen: ConfigMap = { ...meta, immutable: true, data: { a: 'b' } };
  expect(errorsOf({ data: { a: 'c' } }, frozen)).toEqual([
    'immutable: Forbidden: field is immutable when `immutable` is set',
    'data: Forbidden: field is immutable when `immutable` is set',
  ]);
});

test('secrets', () => {
  const strategy = strategyOf(resources.secrets);
  const { object, errors } = admit<Secret>(strategy, {
    ...meta,
    data: { a: 'QQ==' },
    stringData: { b: 'hello' },
  });
  expect(errors).toEqual([]);
  expect(object).toEqual({ ...meta, type: 'Opaque', data: { a: 'QQ==', b: 'aGVsbG8=' } });
  expect(admit<Secret>(strategy, { ...meta, type: 'kubernetes.io/tls' }).errors).toEqual([
    'data[tls.crt]: Required value',
    'data[tls.key]: Required value',
  ]);
  expect(admit<Secret>(strategy, { ...meta, type: 'x/y' }, object).errors).toEqual([
    'type: Invalid value: "x/y": field is immutable',
  ]);
});

test('nodes', () => {
  const strategy = strategyOf(resources.nodes);
  const { object } = admit<Node>(strategy, {
    metadata: { name: 'n' },
    spec: { podCIDR: '10.244.0.0/24' },
    status: { capacity: { cpu: '2' } },
  });
  expect(object.spec?.podCIDRs).toEqual(['10.244.0.0/24']);
  expect(object.status?.allocatable).toEqual({ cpu: '2' });
  const moved: Node = { metadata: { name: 'n' }, spec: { podCIDR: '10.244.1.0/24' } };
  expect(admit(strategy, moved, object).errors).toEqual([
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
  ]);
  const taints = [
    { key: 'a', effect: 'NoSchedule' },
    { key: 'a', effect: 'NoSchedule' },
    { key: 'b', effect: 'Never' },
  ];
  expect(admit<Node>(strategy, { metadata: { name: 'n' }, spec: { taints } }).errors).toEqual([
    'spec.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}',
    'spec.taints[2].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
  ]);
});

/** Facts of upstream's TestValidateEndpointsCreate. */
test.each<[string, NonNullable<Endpoints['subsets']>[number], string[]]>([
  ['fine', { addresses: [{ ip: '10.10.1.1' }], ports: [{ port: 80 }] }, []],
  [
    'no address',
    { ports: [{ port: 80 }] },
    ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`'],
  ],
  [
    'bad address',
    { addresses: [{ ip: '[2001:db8::1]:80' }] },
    [
      'subsets[0].addresses[0].ip: Invalid value: "[2001:db8::1]:80": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  ],
  [
    'loopback',
    { addresses: [{ ip: '127.0.0.1' }] },
    [
      'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    'two ports without names',
    { addresses: [{ ip: '10.10.1.1' }], ports: [{ port: 80 }, { port: 81, name: 'b' }] },
    ['subsets[0].ports[0].name: Required value'],
  ],
  [
    'port 0',
    { addresses: [{ ip: '10.10.1.1' }], ports: [{ port: 0 }] },
    ['subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
  ],
])('endpoints: %s', (_what, subset, errors) => {
  expect(admit<Endpoints>(strategyOf(resources.endpoints), { ...meta, subsets: [subset] }).errors).toEqual(
    errors,
  );
});

test('endpoint slices', () => {
  const strategy = strategyOf(resources.endpointslices);
  const slice: EndpointSlice = {
    ...meta,
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'] }],
    ports: [{ port: 80 }],
  };
  const { object, errors } = admit(strategy, slice);
  expect(errors).toEqual([]);
  expect(object.ports).toEqual([{ port: 80, name: '', protocol: 'TCP' }]);
  const wrong: EndpointSlice = { ...slice, endpoints: [{ addresses: [] }, { addresses: ['fd00::1'] }] };
  expect(admit(strategy, wrong).errors).toEqual([
    'endpoints[0].addresses: Required value: must contain at least 1 address',
    'endpoints[1].addresses[0]: Invalid value: "fd00::1": must be a valid IPv4 address',
  ]);
  expect(admit(strategy, { ...slice, addressType: 'FQDN', endpoints: [] }, object).errors).toEqual([
    'addressType: Invalid value: "FQDN": field is immutable',
  ]);
  expect(admit(strategy, { ...slice, ports: [{ port: 1 }, { port: 2 }] }).errors).toEqual([
    'ports[1].name: Duplicate value: ""',
  ]);
});

test('events', () => {
  const strategy = strategyOf(resources.events);
  const event: CoreEvent = {
    ...meta,
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'other' },
    reason: 'x',
  };
  expect(admit(strategy, event).errors).toEqual([
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ]);
  expect(strategy.selectableFields?.(event)).toMatchObject({
    'involvedObject.kind': 'Pod',
    'involvedObject.name': 'p',
    reason: 'x',
    type: '',
  });
});

test('leases and service CIDRs', () => {
  expect(admit(strategyOf(resources.leases), { ...meta, spec: { leaseDurationSeconds: 0 } }).errors).toEqual([
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  ]);
  const cidrs = strategyOf(resources.servicecidrs);
  const object = { metadata: { name: 'a' }, spec: { cidrs: ['10.1.0.0/24'] } };
  expect(admit(cidrs, object).errors).toEqual([]);
  expect(admit(cidrs, { metadata: { name: 'a' }, spec: { cidrs: ['10.2.0.0/24'] } }, object).errors).toEqual([
    'spec.cidrs: Invalid value: ["10.2.0.0/24"]: field is immutable',
  ]);
});
