import { expect, test } from 'vitest';
import { type Resource, resources } from '../../../api/scheme.ts';
import { admitByQuota } from './quota/admit-quota.ts';
import { admit, createContext, createLookup, strategyOf } from './testing.ts';

/** What is wrong with an object of a kind, `metadata` aside. */
const errorsOf = (resource: Resource, fields: object, name = 'a') =>
  admit(strategyOf(resource), { metadata: { name, namespace: 'default' }, ...fields }).errors;

const service = { name: 'web', port: { number: 80 } };
const http = (path: object) => ({
  paths: [{ path: '/', pathType: 'Prefix', backend: { service }, ...path }],
});
const hook = {
  name: 'a.b.example',
  clientConfig: { url: 'https://b.example/' },
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};

/** Upstream: the tables of `pkg/apis/GROUP/validation/validation_test.go`. */
const cases: [Resource, object, string[]][] = [
  [resources.ingresses, { spec: { rules: [{ http: http({}) }] } }, []],
  [
    resources.ingresses,
    { spec: {} },
    ['spec: Invalid value: []: either `defaultBackend` or `rules` must be specified'],
  ],
  [
    resources.ingresses,
    { spec: { rules: [{ host: '1.2.3.4', http: http({ path: 'x' }) }] } },
    [
      'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
      'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path',
    ],
  ],
  [
    resources.ingressclasses,
    { spec: { controller: 'plain' } },
    ['spec.controller: Invalid value: "plain": must be a domain-prefixed path (such as "acme.io/foo")'],
  ],
  [
    resources.networkpolicies,
    {
      spec: {
        podSelector: {},
        ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/9'] } }] }],
      },
    },
    [
      'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/9": must be a strict subset of `cidr`',
    ],
  ],
  [
    resources.storageclasses,
    { provisioner: 'a.b/c', reclaimPolicy: 'Recycle' },
    ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
  ],
  [
    resources.persistentvolumes,
    { spec: { capacity: { storage: '0' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/a/../b' } } },
    [
      'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
      'spec.hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
    ],
  ],
  [
    resources.persistentvolumeclaims,
    { spec: { resources: {} } },
    [
      'spec.accessModes: Required value: at least 1 access mode is required',
      'spec.resources[storage]: Required value',
    ],
  ],
  [
    resources.resourcequotas,
    { spec: { hard: { pods: '1.5', bogus: '1' }, scopes: ['BestEffort', 'NotBestEffort'] } },
    [
      'spec.hard[pods]: Invalid value: "1.5": must be an integer',
      'spec.hard[bogus]: Invalid value: "bogus": must be a standard resource for quota',
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
    ],
  ],
  [
    resources.limitranges,
    { spec: { limits: [{ type: 'Pod', min: { cpu: '2' }, max: { cpu: '1' } }] } },
    ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'],
  ],
  [
    resources.priorityclasses,
    { value: 1_000_000_001 },
    ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
  ],
  [
    resources.horizontalpodautoscalers,
    { spec: { minReplicas: 3, maxReplicas: 2, scaleTargetRef: { kind: 'Deployment', name: '' } } },
    [
      'spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`',
      'spec.scaleTargetRef.name: Required value',
    ],
  ],
  [
    resources.validatingwebhookconfigurations,
    { webhooks: [{ ...hook, name: 'short', timeoutSeconds: 31 }] },
    [
      'webhooks[0].name: Invalid value: "short": should be a domain with at least three segments separated by dots',
      'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
    ],
  ],
  [resources.mutatingwebhookconfigurations, { webhooks: [hook] }, []],
  [
    resources.replicationcontrollers,
    { spec: { replicas: -1, selector: { a: 'b' } } },
    ['spec.replicas: Invalid value: -1: must be greater than or equal to 0', 'spec.template: Required value'],
  ],
];

test.each(cases)('$name %#', (resource, fields, errors) => {
  expect(errorsOf(resource, fields)).toEqual(errors);
});

test('a quota counts what is there and what is under way, and says in upstream words what is too much', () => {
  const quota = {
    metadata: { name: 'q', namespace: 'default' },
    spec: { hard: { 'count/configmaps': '2', configmaps: '9' } },
  };
  const map = (name: string) => ({ metadata: { name, namespace: 'default' } });
  const lookup = createLookup([
    [resources.resourcequotas, quota],
    [resources.configmaps, map('there')],
  ]);
  const written = admitByQuota(lookup, resources.configmaps, map('under-way'), false);
  expect(() => admitByQuota(lookup, resources.configmaps, map('third'), false)).toThrow(
    'configmaps "third" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2',
  );
  written();
  expect(() => admitByQuota(lookup, resources.configmaps, map('third'), true)).not.toThrow();
});

test('a pod gets the number of its class, and no other', () => {
  const strategy = strategyOf(resources.pods);
  const high = { metadata: { name: 'high' }, value: 7 };
  const context = createContext([[resources.priorityclasses, high]]);
  const pod = (spec: object) => ({
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [], ...spec },
  });
  const one = pod({ priorityClassName: 'high' });
  strategy.prepare?.(one, undefined, context);
  expect(one.spec).toMatchObject({ priority: 7, preemptionPolicy: 'PreemptLowerPriority' });
  expect(() => strategy.prepare?.(pod({ priorityClassName: 'none' }), undefined, context)).toThrow(
    'pods "p" is forbidden: no PriorityClass with name none was found',
  );
  expect(() => strategy.prepare?.(pod({ priority: 3 }), undefined, context)).toThrow(
    'the integer value of priority (3) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
  );
});
