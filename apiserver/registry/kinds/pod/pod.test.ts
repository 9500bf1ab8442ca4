import { expect, test } from 'vitest';
import { resources } from '../../../../api/scheme.ts';
import type { Container, Pod, PodSpec } from '../../../../api/types.ts';
import { admit, strategyOf } from '../testing.ts';
import { qosClassOf } from './qos.ts';

const strategy = strategyOf(resources.pods);
const pod = (spec: Partial<PodSpec> = {}, name = 'web'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { automountServiceAccountToken: false, containers: [{ name: 'a', image: 'nginx' }], ...spec },
});
const withContainer = (container: Partial<Container>): Pod =>
  pod({ containers: [{ name: 'a', image: 'nginx', ...container }] });
const errorsOf = (object: Pod, old?: Pod) => admit(strategy, object, old).errors;

test('defaults of a pod', () => {
  const { object, errors } = admit(
    strategy,
    withContainer({ ports: [{ containerPort: 80 }], readinessProbe: { httpGet: { port: 80 } } }),
  );
  expect(errors).toEqual([]);
  expect(object.spec).toEqual({
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'a',
        image: 'nginx',
        imagePullPolicy: 'Always',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        resources: {},
        ports: [{ containerPort: 80, protocol: 'TCP' }],
        readinessProbe: {
          httpGet: { port: 80, path: '/', scheme: 'HTTP' },
          timeoutSeconds: 1,
          periodSeconds: 10,
          successThreshold: 1,
          failureThreshold: 3,
        },
      },
    ],
    dnsPolicy: 'ClusterFirst',
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
    priority: 0,
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    serviceAccount: 'default',
    serviceAccountName: 'default',
    terminationGracePeriodSeconds: 30,
    tolerations: ['not-ready', 'unreachable'].map((taint) => ({
      key: `node.kubernetes.io/${taint}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
  });
  expect(object.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
});

test.each([
  ['nginx', 'Always'],
  ['nginx:latest', 'Always'],
  ['nginx:1.25', 'IfNotPresent'],
  ['registry:5000/nginx', 'Always'],
  ['registry:5000/nginx:1', 'IfNotPresent'],
  ['nginx@sha256:abc', 'IfNotPresent'],
])('image %s is pulled %s', (image, policy) => {
  expect(admit(strategy, withContainer({ image })).object.spec?.containers[0]?.imagePullPolicy).toBe(policy);
});

test('what tells of the pod itself is told in the version and unit of today', () => {
  const asked = [
    { path: 'name', fieldRef: { fieldPath: 'metadata.name' } },
    { path: 'cpu', resourceFieldRef: { containerName: 'a', resource: 'limits.cpu' } },
  ];
  const { object, errors } = admit(
    strategy,
    pod({
      volumes: [
        { name: 'one', downwardAPI: { items: structuredClone(asked) } },
        { name: 'two', projected: { sources: [{ downwardAPI: { items: structuredClone(asked) } }] } },
      ],
    }),
  );
  expect(errors).toEqual([]);
  const items = [
    { path: 'name', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } },
    { path: 'cpu', resourceFieldRef: { containerName: 'a', resource: 'limits.cpu', divisor: '0' } },
  ];
  expect(object.spec?.volumes).toEqual([
    { name: 'one', downwardAPI: { defaultMode: 0o644, items } },
    { name: 'two', projected: { defaultMode: 0o644, sources: [{ downwardAPI: { items } }] } },
  ]);
});

test('own tolerations and the priority of a class are respected', () => {
  const { spec } = admit(
    strategy,
    pod({ tolerations: [{ operator: 'Exists' }], priorityClassName: 'system-node-critical' }),
  ).object;
  expect(spec?.tolerations).toEqual([{ operator: 'Exists' }]);
  expect(spec?.priority).toBe(2000001000);
});

test('what a client says of the status is dropped on create and kept from the old pod on update', () => {
  const lying: Pod = { ...pod(), status: { phase: 'Running' } };
  expect(admit(strategy, lying).object.status?.phase).toBe('Pending');
  const old = admit(strategy, pod()).object;
  old.status = { phase: 'Running', podIP: '10.0.0.1' };
  expect(admit(strategy, pod(), old).object.status).toEqual(old.status);
});

test.each<[string, Record<string, string>, Record<string, string>, string]>([
  ['nothing', {}, {}, 'BestEffort'],
  [
    'equal limits and requests',
    { cpu: '100m', memory: '1Gi' },
    { cpu: '0.1', memory: '1024Mi' },
    'Guaranteed',
  ],
  ['limits only', { cpu: '1', memory: '1Gi' }, {}, 'Guaranteed'],
  ['requests only', {}, { cpu: '1' }, 'Burstable'],
  ['one limit', { cpu: '1' }, {}, 'Burstable'],
])('class of service: %s', (_what, limits, requests, expected) => {
  expect(qosClassOf({ containers: [{ name: 'a', resources: { limits, requests } }] })).toBe(expected);
});

const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

/** Facts of upstream's TestValidatePod and TestValidateContainers. */
test.each<[string, Pod, string[]]>([
  ['no containers', pod({ containers: [] }), ['spec.containers: Required value']],
  ['no image', withContainer({ image: '' }), ['spec.containers[0].image: Required value']],
  [
    'image with a blank',
    withContainer({ image: ' nginx' }),
    ['spec.containers[0].image: Invalid value: " nginx": must not have leading or trailing whitespace'],
  ],
  [
    'bad container name',
    withContainer({ name: 'Web_1' }),
    [`spec.containers[0].name: Invalid value: "Web_1": ${labelRule}`],
  ],
  [
    'same container name twice',
    pod({
      containers: [
        { name: 'a', image: 'x' },
        { name: 'a', image: 'y' },
      ],
    }),
    ['spec.containers[1].name: Duplicate value: "a"'],
  ],
  [
    'bad restart policy',
    pod({ restartPolicy: 'Sometimes' }),
    ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"'],
  ],
  [
    'no container port',
    withContainer({ ports: [{ containerPort: 0 }] }),
    ['spec.containers[0].ports[0].containerPort: Required value'],
  ],
  [
    'container port too large',
    withContainer({ ports: [{ containerPort: 65536 }] }),
    [
      'spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive',
    ],
  ],
  [
    'port name too long',
    withContainer({ ports: [{ containerPort: 80, name: 'a-very-long-name' }] }),
    ['spec.containers[0].ports[0].name: Invalid value: "a-very-long-name": must be no more than 15 bytes'],
  ],
  [
    'no name in env',
    withContainer({ env: [{ name: '' }] }),
    ['spec.containers[0].env[0].name: Required value'],
  ],
  [
    'value and source in env',
    withContainer({
      env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    }),
    [
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
  ],
  [
    'source of env without a reference',
    withContainer({ envFrom: [{}] }),
    ['spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
  ],
  [
    'mount of a missing volume',
    withContainer({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
    ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  ],
  [
    'same path twice',
    pod({
      volumes: [{ name: 'v' }],
      containers: [
        {
          name: 'a',
          image: 'x',
          volumeMounts: [
            { name: 'v', mountPath: '/v' },
            { name: 'v', mountPath: '/v' },
          ],
        },
      ],
    }),
    ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique'],
  ],
  [
    'two sources of a volume',
    pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/', type: '' } }] }),
    ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    'request above the limit',
    withContainer({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
    [
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
  ],
  [
    'probe without a handler',
    withContainer({ livenessProbe: {} }),
    ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
  ],
  [
    'liveness threshold',
    withContainer({ livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }),
    ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
  ],
  [
    'own DNS without a server',
    pod({ dnsPolicy: 'None' }),
    ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
  ],
  [
    'seconds without NoExecute',
    pod({ tolerations: [{ operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 5 }] }),
    [
      'spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set',
    ],
  ],
  [
    'init container with the name of another',
    pod({ initContainers: [{ name: 'a', image: 'x' }] }),
    ['spec.initContainers[0].name: Duplicate value: "a"'],
  ],
])('%s', (_what, object, errors) => {
  expect(errorsOf(object)).toEqual(errors);
});

const fixed =
  'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** Facts of upstream's TestValidatePodUpdate; each changes the admitted pod. */
test.each<[string, (spec: PodSpec) => void, string[]]>([
  ['nothing', () => undefined, []],
  ['the image', (spec) => Object.assign(spec.containers[0] ?? {}, { image: 'nginx:2' }), []],
  ['an added toleration', (spec) => spec.tolerations?.push({ key: 'x', operator: 'Exists' }), []],
  ['an empty list more', (spec) => Object.assign(spec, { volumes: [] }), []],
  ['the host network', (spec) => Object.assign(spec, { hostNetwork: true }), [fixed]],
  ['the node', (spec) => Object.assign(spec, { nodeName: 'worker' }), [fixed]],
  [
    'a container more',
    (spec) => spec.containers.push({ name: 'b', image: 'x' }),
    ['spec.containers: Forbidden: pod updates may not add or remove containers'],
  ],
  ['the default tolerations, which come back', (spec) => Object.assign(spec, { tolerations: [] }), []],
  [
    'a toleration changed',
    (spec) => Object.assign(spec.tolerations?.[0] ?? {}, { operator: 'Equal', value: 'x' }),
    ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'],
  ],
])('update: %s', (_what, change, errors) => {
  const old = admit(strategy, pod()).object;
  const next = structuredClone(old);
  if (next.spec) change(next.spec);
  expect(errorsOf(next, old)).toEqual(errors);
});

test('deletion waits for the grace period of pods on a node', () => {
  const graceful = (object: Pod, seconds?: number) =>
    strategy.graceful?.(object, seconds)?.gracePeriodSeconds;
  const placed = pod({ nodeName: 'worker', terminationGracePeriodSeconds: 30 });
  expect(graceful(placed)).toBe(30);
  expect(graceful(placed, 5)).toBe(5);
  expect(graceful(placed, 0)).toBe(0);
  expect(graceful(pod())).toBe(0);
  expect(graceful({ ...placed, status: { phase: 'Succeeded' } })).toBe(0);
});

test('field selectors', () => {
  const object: Pod = {
    ...pod({ nodeName: 'worker' }),
    status: { phase: 'Running', podIPs: [{ ip: '10.0.0.1' }] },
  };
  expect(strategy.selectableFields?.(object)).toMatchObject({
    'spec.nodeName': 'worker',
    'spec.hostNetwork': 'false',
    'status.phase': 'Running',
    'status.podIP': '10.0.0.1',
  });
});
