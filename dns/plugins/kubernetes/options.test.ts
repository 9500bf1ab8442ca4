import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createDispenser } from '../../corefile/dispenser.ts';
import { parseCorefile } from '../../corefile/parse.ts';
import { ask } from '../../testing/ask.ts';
import { externalName, namespace, pod, service, slice, upstreamCluster } from '../../testing/objects.ts';
import { chainOf, instanceOf, setUp, testSurroundings } from '../../testing/plugin.ts';
import { endpointName } from './lookup.ts';
import { parseOptions } from './options.ts';
import { kubernetes } from './plugin.ts';
import { createRecords } from './records.ts';

/** The facts of upstream's plugin/kubernetes/setup_test.go, setup_ttl_test.go, namespace_test.go and others. */

function optionsOf(directive: string) {
  const [parsed] = parseCorefile(`. {\n ${directive}\n}`);
  const around = testSurroundings();
  const { block } = setUp(kubernetes, 'kubernetes cluster.local');
  const options = parseOptions({
    tokens: createDispenser('kubernetes', parsed?.directives.get('kubernetes') ?? []),
    block,
    surroundings: around,
    repeatable() {},
    lasting: undefined,
    onStart() {},
    onServing() {},
    onStop() {},
  });
  return { ...options, log: around.lines };
}

describe('directives', () => {
  test.each([
    [
      'kubernetes coredns.local',
      { zones: ['coredns.local.'], pods: 'disabled', ttl: 5, startupTimeout: 5_000 },
    ],
    ['kubernetes coredns.local test.local', { zones: ['coredns.local.', 'test.local.'] }],
    ['kubernetes coredns.local {\n }', { zones: ['coredns.local.'] }],
    ['kubernetes coredns.local {\n namespaces demo test\n }', { namespaces: new Set(['demo', 'test']) }],
    ['kubernetes coredns.local {\n labels environment=prod\n }', { labels: 'environment=prod' }],
    [
      'kubernetes coredns.local {\n labels environment in (production, staging, qa),application=nginx\n }',
      { labels: 'environment in (production, staging, qa),application=nginx' },
    ],
    [
      'kubernetes coredns.local {\n namespace_labels istio-injection=enabled\n }',
      { namespaceLabels: 'istio-injection=enabled' },
    ],
    ['kubernetes coredns.local {\n pods insecure\n }', { pods: 'insecure' }],
    ['kubernetes coredns.local {\n pods verified\n }', { pods: 'verified' }],
    ['kubernetes coredns.local {\n kubeconfig file\n }', { kubeconfig: { file: 'file' } }],
    [
      'kubernetes coredns.local {\n kubeconfig file context\n startup_timeout 1s\n }',
      { kubeconfig: { file: 'file', context: 'context' }, startupTimeout: 1_000 },
    ],
    ['kubernetes coredns.local {\n endpoint_pod_names\n }', { endpointPodNames: true }],
    ['kubernetes coredns.local {\n noendpoints\n }', { noEndpoints: true }],
    ['kubernetes coredns.local {\n ignore empty_service\n }', { ignoreEmptyService: true }],
    ['kubernetes coredns.local {\n zonal\n }', { zonal: true }],
    [
      'kubernetes coredns.local clusterset.local {\n multicluster clusterset.local\n }',
      { multiclusterZones: ['clusterset.local.'] },
    ],
    ['kubernetes coredns.local {\n multicluster\n }', { multiclusterZones: [] }],
    ['kubernetes cluster.local {\n ttl 56\n }', { ttl: 56 }],
    ['kubernetes cluster.local {\n ttl 0\n }', { ttl: 0 }],
    [
      'kubernetes cluster.local {\n apiserver_qps 50.0\n apiserver_burst 100\n apiserver_max_inflight 25\n }',
      {},
    ],
    [
      'kubernetes 10.0.0.0/8 cluster.local',
      { zones: ['10.in-addr.arpa.', 'cluster.local.'], primaryZone: 'cluster.local.' },
    ],
  ])('%s', (directive, expected) => {
    expect(optionsOf(directive)).toMatchObject(expected);
  });

  test.each([
    [
      'kubernetes coredns.local {\n namespaces foo\n namespace_labels a=b\n }',
      'namespaces and namespace_labels cannot both be set',
    ],
    ['kubernetes coredns.local {\n endpoint\n }', 'Wrong argument count'],
    ['kubernetes coredns.local {\n namespaces\n }', 'Wrong argument count'],
    ['kubernetes coredns.local {\n labels\n }', 'Wrong argument count'],
    [
      'kubernetes coredns.local {\n labels environment in (production, qa\n }',
      'unable to parse label selector value',
    ],
    ['kubernetes coredns.local {\n pods giant_seed\n }', 'wrong value for pods: giant_seed'],
    ['kubernetes coredns.local\n kubernetes cluster.local', 'plugin can only be used once per Server Block'],
    ['kubernetes coredns.local {\n kubeconfig\n }', 'Wrong argument count'],
    ['kubernetes coredns.local {\n kubeconfig file context extraarg\n }', 'Wrong argument count'],
    ['kubernetes coredns.local {\n endpoint_pod_names giant_seed\n }', 'Wrong argument count'],
    ['kubernetes coredns.local {\n noendpoints ixnay on the endpointsay\n }', 'Wrong argument count'],
    ['kubernetes coredns.local {\n ignore ixnay\n }', "unable to parse ignore value: 'ixnay'"],
    ['kubernetes coredns.local {\n ttl -1\n }', 'ttl must be in range [0, 3600]: -1'],
    ['kubernetes coredns.local {\n ttl 3601\n }', 'ttl must be in range [0, 3600]: 3601'],
    ['kubernetes coredns.local {\n apiserver_qps -10\n }', 'apiserver_qps "-10": must be >= 0'],
    ['kubernetes coredns.local {\n apiserver_burst -5\n }', 'apiserver_burst "-5": must be >= 0'],
    [
      'kubernetes coredns.local {\n apiserver_max_inflight -1\n }',
      'apiserver_max_inflight "-1": must be >= 0',
    ],
    ['kubernetes coredns.local {\n tls a b\n }', 'Wrong argument count'],
    ['kubernetes coredns.local {\n zonal us-west-2a\n }', 'Wrong argument count'],
    [
      'kubernetes coredns.local {\n zonal\n noendpoints\n }',
      'zonal requires the endpoint cache; remove noendpoints',
    ],
    [
      'kubernetes coredns.local {\n multicluster clusterset.local\n }',
      'is not authoritative for the multicluster zone clusterset.local. (authoritative zones: coredns.local.)',
    ],
    ['kubernetes coredns.local {\n nonsense\n }', "unknown property 'nonsense'"],
    ['kubernetes 10.0.0.0/8', 'non-reverse zone name must be used'],
    ['kubernetes a..b', 'zone is not a valid domain name: a..b'],
  ])('%s is an error with its line', (directive, message) => {
    expect(() => instanceOf(`. {\n ${directive}\n}`)).toThrow(
      /^plugin\/kubernetes: Corefile:[2-5] - Error during parsing: /,
    );
    expect(() => instanceOf(`. {\n ${directive}\n}`)).toThrow(message);
  });

  test('fallthrough: for nothing, everything, some zones', () => {
    const through = (option: string, name: string) =>
      optionsOf(`kubernetes coredns.local {\n ${option}\n }`).fallthrough.through(name);
    expect(through('pods disabled', 'a.')).toBe(false);
    expect(through('fallthrough', 'a.')).toBe(true);
    expect(through('fallthrough ip6.arpa foo.com', 'a.foo.com.')).toBe(true);
    expect(through('fallthrough ip6.arpa foo.com', 'a.')).toBe(false);
  });

  test('what later releases dropped or deprecated is told', () => {
    const { log } = optionsOf(
      'kubernetes cluster.local {\n upstream\n resyncperiod 1m\n endpoint http://a:8080 http://b:8080\n }',
    );
    expect(log).toEqual([
      '[WARNING] plugin/kubernetes: upstream: ignored, as later releases of CoreDNS dropped it',
      '[WARNING] plugin/kubernetes: resyncperiod: ignored, as later releases of CoreDNS dropped it',
      "[WARNING] plugin/kubernetes: Multiple endpoints have been deprecated, only the first specified endpoint 'http://a:8080' is used",
    ]);
  });

  test('kubeconfig is read, with the context that is named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'v9s-dns-kubeconfig-'));
    const file = join(folder, 'config');
    writeFileSync(
      file,
      'clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]\ncontexts: [{name: there, context: {cluster: c, user: u}}]\n',
    );
    const start = (context: string) => {
      const around = testSurroundings({ objects: undefined });
      const instance = instanceOf(
        `. {\n kubernetes cluster.local {\n  kubeconfig ${file} ${context}\n  startup_timeout 1ms\n }\n}`,
        around,
      );
      return instance
        .start()
        .then(() => instance.stop(true))
        .then(() => around.lines.join('\n'));
    };
    expect(await start('there')).toContain('starting server with unsynced Kubernetes API');
    await expect(start('nowhere')).rejects.toThrow('no context "nowhere"');
    rmSync(folder, { recursive: true });
  });
});

test.each([
  ['10.11.12.13', '', '', false, '10-11-12-13'],
  ['10.11.12.13', 'epname', '', false, 'epname'],
  ['10.11.12.13', '', 'hello-abcde', false, '10-11-12-13'],
  ['10.11.12.13', 'epname', 'hello-abcde', false, 'epname'],
  ['10.11.12.13', 'epname', 'hello-abcde', true, 'epname'],
  ['10.11.12.13', '', 'hello-abcde', true, 'hello-abcde'],
  ['2001:db8:3333:4444:5555:6666:7777:8888', '', '', false, '2001-db8-3333-4444-5555-6666-7777-8888'],
  ['2001:db8:3333:4444:5555:6666::', '', '', false, '2001-db8-3333-4444-5555-6666--0'],
])(
  'the endpoint %s with hostname %j and pod %j (%s) is %s',
  (ip, hostname, target, endpointPodNames, expected) => {
    expect(endpointName({ ip, hostname, target }, { endpointPodNames })).toBe(expected);
  },
);

describe('namespaces', () => {
  const rcode = async (options: string, name: string) =>
    (await ask(chainOf(`. {\n kubernetes cluster.local {\n${options}\n }\n}`, upstreamCluster), name)).rcode;
  test.each([
    ['', 'testns.svc.cluster.local.', 'NOERROR'],
    ['', 'nsnoexist.svc.cluster.local.', 'NXDOMAIN'],
    ['', 'svc1.nsnoexist.svc.cluster.local.', 'NXDOMAIN'],
    ['  namespaces testns', 'testns.svc.cluster.local.', 'NOERROR'],
    ['  namespaces testns', 'podns.svc.cluster.local.', 'NXDOMAIN'],
    ['  namespaces nsnoexist', 'nsnoexist.svc.cluster.local.', 'NXDOMAIN'],
  ])('%s: %s is %s', async (options, name, expected) => {
    expect(await rcode(options, name)).toBe(expected);
  });
});

/** Upstream: plugin/kubernetes/controller_test.go, controller_equivalence_test.go: what changes the zone's serial. */
describe('the serial', () => {
  const now = { seconds: 1_000 };
  const changed = (...steps: Parameters<ReturnType<typeof createRecords>['put']>[0][]) => {
    const records = createRecords(() => now.seconds * 1000);
    for (const step of steps.slice(0, -1)) records.put(step);
    const before = records.modified;
    now.seconds++;
    const last = steps.at(-1);
    if (last) records.put(last);
    return records.modified !== before;
  };
  const svc = (ports = {}, spec = {}) => service('ns/a', ['10.0.0.1'], ports, spec);
  const eps = (endpoints: Parameters<typeof slice>[2], ports = { http: 80 }) =>
    slice('a-1', 'ns/a', endpoints, ports);
  const hostname = (name: string) => [{ addresses: ['10.1.0.1'], hostname: name }];
  test.each([
    ['a new Service', [svc()], true],
    ['the same Service', [svc(), svc()], false],
    [
      'other labels',
      [svc(), { ...svc(), metadata: { name: 'a', namespace: 'ns', labels: { a: 'b' } } }],
      false,
    ],
    ['external IPs', [svc(), svc({}, { externalIPs: ['1.2.3.4'] })], false],
    ['another external name', [externalName('ns/a', 'a.'), externalName('ns/a', 'b.')], true],
    ['another port name', [svc({ test1: 80 }), svc({ test2: 80 })], true],
    ['one port more', [svc({ test1: 80 }), svc({ test1: 80, test2: 81 })], true],
    ['the same endpoints', [eps(['10.1.0.1']), eps(['10.1.0.1'])], false],
    ['an endpoint less', [eps(['10.1.0.1']), eps([])], true],
    ['another endpoint', [eps(['10.1.0.1']), eps(['10.1.0.2'])], true],
    ['another hostname', [eps(hostname('a')), eps(hostname('b'))], true],
    ['another endpoint port', [eps(['10.1.0.1']), eps(['10.1.0.1'], { http: 8080 })], true],
    ['the same pod', [pod('ns/p', '10.240.0.1'), pod('ns/p', '10.240.0.1')], false],
    ['a pod that gets an address', [pod('ns/p', ''), pod('ns/p', '10.240.0.1')], true],
    ['a pod with another address', [pod('ns/p', '10.240.0.1'), pod('ns/p', '10.240.0.2')], true],
  ])('%s: %s', (_, steps, expected) => {
    expect(changed(...steps)).toBe(expected);
  });
});

/** Upstream: plugin/kubernetes/ns_test.go, kubernetes_test.go (TestServicesAuthority), setup_test.go (TestBoundIPs). */
describe('name servers', () => {
  const objects = [
    namespace('kube-system'),
    service('kube-system/dns-service', ['10.0.0.111']),
    service('kube-system/hdls-dns-service', ['None']),
    service('kube-system/dns6-service', ['10::111']),
    ...['dns-service', 'hdls-dns-service', 'dns6-service'].map((name) =>
      slice(`${name}-slice1`, `kube-system/${name}`, ['10.244.0.20']),
    ),
  ];
  const zone = 'inter.webs.test';
  const askFor = (name: string, type: string, localAddresses: string[], bind = '') =>
    ask(
      chainOf(`${zone} {\n${bind} kubernetes\n}`, objects, { localAddresses: () => localAddresses }),
      `${name}${zone}.`,
      type,
    );

  test('the Services whose endpoints this server is, by their kind', async () => {
    const { answer, additional } = await askFor('', 'NS', ['10.244.0.20']);
    const of = (label: string) => `${label}.kube-system.svc.${zone}.`;
    expect(answer).toHaveLength(3);
    expect(additional).toEqual([
      `${of('10-244-0-20.hdls-dns-service')} 5 IN A 10.244.0.20`,
      `${of('dns-service')} 5 IN A 10.0.0.111`,
      `${of('dns6-service')} 5 IN AAAA 10::111`,
    ]);
  });

  test.each([
    ['A', ['1.2.3.4'], ['1.2.3.4']],
    ['AAAA', ['1.2.3.4'], []],
    ['A', ['1:2::3:4'], []],
    ['AAAA', ['1:2::3:4'], ['1:2::3:4']],
  ])('ns.dns %s on %s', async (type, local, expected) => {
    const { answer } = await askFor('ns.dns.', type, local);
    expect(answer.map((line) => line.split(' ').at(-1))).toEqual(expected);
  });

  test('two addresses of a server without a Service are one name', async () => {
    const { answer, additional } = await askFor('', 'NS', ['1.2.3.4', '1:2::3:4']);
    expect(answer).toEqual([`${zone}. 5 IN NS ns.dns.${zone}.`]);
    expect(additional).toEqual([`ns.dns.${zone}. 5 IN A 1.2.3.4`, `ns.dns.${zone}. 5 IN AAAA 1:2::3:4`]);
  });

  test('a block that is bound to addresses has these, but loopback', async () => {
    const { additional } = await askFor('', 'NS', ['1.2.3.4'], ' bind 127.0.0.1 192.168.1.1\n');
    expect(additional).toEqual([`ns.dns.${zone}. 5 IN A 192.168.1.1`]);
  });
});
