import { expect, test } from 'vitest';
import { resources } from '../../../../api/scheme.ts';
import type { Service, ServiceSpec } from '../../../../api/types.ts';
import { admit, strategyOf } from '../testing.ts';

const service = (spec: ServiceSpec, name = 'web'): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec,
});
const http = { port: 80, protocol: 'TCP' };
const valid: ServiceSpec = { selector: { app: 'web' }, ports: [{ port: 80 }] };
const strategy = strategyOf(resources.services);
const errorsOf = (spec: ServiceSpec, name?: string) => admit(strategy, service(spec, name)).errors;

const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

/** Facts of upstream's TestValidateServiceCreate. */
test.each<[string, ServiceSpec, string[]]>([
  ['no ports', {}, ['spec.ports: Required value']],
  [
    'port 0',
    { ports: [{ port: 0 }] },
    [
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
  ],
  [
    'port too large',
    { ports: [{ port: 65536, targetPort: 1 }] },
    ['spec.ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive'],
  ],
  [
    'unknown protocol',
    { ports: [{ port: 80, protocol: 'INVALID' }] },
    ['spec.ports[0].protocol: Unsupported value: "INVALID": supported values: "SCTP", "TCP", "UDP"'],
  ],
  [
    'several ports without names',
    { ports: [{ port: 80 }, { port: 81, name: 'b' }] },
    ['spec.ports[0].name: Required value'],
  ],
  [
    'bad port name',
    { ports: [{ port: 80, name: 'INVALID' }] },
    [`spec.ports[0].name: Invalid value: "INVALID": ${label}`],
  ],
  [
    'same name twice',
    {
      ports: [
        { port: 80, name: 'a' },
        { port: 81, name: 'a' },
      ],
    },
    ['spec.ports[1].name: Duplicate value: "a"'],
  ],
  [
    'same port twice',
    {
      ports: [
        { port: 80, name: 'a' },
        { port: 80, name: 'b' },
      ],
    },
    ['spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}'],
  ],
  [
    'same port, other protocol',
    {
      ports: [
        { port: 53, name: 'a' },
        { port: 53, name: 'b', protocol: 'UDP' },
      ],
    },
    [],
  ],
  [
    'node port of a ClusterIP Service',
    { ports: [{ port: 80, nodePort: 30080 }] },
    ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  ],
  [
    'bad affinity',
    { ports: [http], sessionAffinity: 'INVALID' },
    ['spec.sessionAffinity: Unsupported value: "INVALID": supported values: "ClientIP", "None"'],
  ],
  [
    'affinity too long',
    {
      ports: [http],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } },
    },
    [
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400',
    ],
  ],
  [
    'bad type',
    { ports: [http], type: 'INVALID' },
    [
      'spec.type: Unsupported value: "INVALID": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
  ],
  [
    'bad address',
    { ports: [http], clusterIP: 'invalid' },
    [
      'spec.clusterIPs[0]: Invalid value: "invalid": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  ],
  [
    'headless node port',
    { ports: [http], type: 'NodePort', clusterIP: 'None' },
    ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services'],
  ],
  ['headless without ports', { clusterIP: 'None' }, []],
  ['external name missing', { type: 'ExternalName' }, ['spec.externalName: Required value']],
  [
    'external name with an address',
    { type: 'ExternalName', externalName: 'a.example', clusterIP: '1.2.3.4' },
    ['spec.clusterIPs: Forbidden: may not be set for ExternalName services'],
  ],
  [
    'two addresses of one family',
    { ports: [http], clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7', '10.96.0.8'] },
    [
      'spec.clusterIPs: Invalid value: ["10.96.0.7","10.96.0.8"]: may specify no more than one IP for each IP family',
    ],
  ],
  [
    'loopback as external address',
    { ports: [http], externalIPs: ['127.0.0.1'] },
    [
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    'traffic policy of a ClusterIP Service',
    { ports: [http], externalTrafficPolicy: 'Local' },
    [
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
  ],
  [
    'bad selector',
    { ports: [http], selector: { 'a b': 'c' } },
    [
      "spec.selector: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
  ],
])('%s', (_what, spec, errors) => {
  expect(errorsOf(spec)).toEqual(errors);
});

test('the name is a DNS-1035 label', () => {
  expect(errorsOf(valid, '1web')).toEqual([
    "metadata.name: Invalid value: \"1web\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
  ]);
});
