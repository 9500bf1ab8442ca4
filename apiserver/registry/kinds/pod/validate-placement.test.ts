import { expect, test } from 'vitest';
import type { Container, PodSpec } from '../../../../api/types.ts';
import { texts } from '../testing.ts';
import { validateVariable } from './validate-environment.ts';
import { validatePlacement } from './validate-placement.ts';

const labelSelector = { matchLabels: { app: 'web' } };
const spread = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' };
const label = "name part must consist of alphanumeric characters, '-', '_' or '.'";

/** Rows of upstream's `pkg/apis/core/validation/validation_test.go`. */
test.each<[string, Partial<PodSpec>, unknown[]]>([
  [
    'all that is right',
    {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              {
                matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }],
                matchFields: [{ key: 'metadata.name', operator: 'In', values: ['worker'] }],
              },
            ],
          },
        },
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector, topologyKey: 'zone' }],
        },
      },
      topologySpreadConstraints: [
        { ...spread, labelSelector, minDomains: 2 },
        { ...spread, whenUnsatisfiable: 'ScheduleAnyway' },
      ],
      schedulingGates: [{ name: 'example.com/gate' }],
      priorityClassName: 'system-node-critical',
    },
    [],
  ],
  [
    'node affinity without terms',
    {
      affinity: {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
      },
    },
    [
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
  ],
  [
    'terms that say nothing sensible',
    {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 101,
              preference: {
                matchExpressions: [
                  { key: 'a', operator: 'In' },
                  { key: 'a', operator: 'Exists', values: ['b'] },
                  { key: 'a', operator: 'Gt', values: ['1', '2'] },
                  { key: 'a', operator: 'Like' },
                  { key: 'a', operator: 'In', values: ['-b'] },
                ],
                matchFields: [
                  { key: 'metadata.name', operator: 'Exists' },
                  { key: 'metadata.name', operator: 'In', values: ['a', 'b'] },
                  { key: 'metadata.uid', operator: 'In', values: ['a'] },
                ],
              },
            },
          ],
        },
      },
    },
    [
      '[0].weight: Invalid value: 101: must be in the range 1-100',
      "[0].preference.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      "[0].preference.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      "[0].preference.matchExpressions[2].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
      '[0].preference.matchExpressions[3].operator: Invalid value: "Like": not a valid selector operator',
      '[0].preference.matchExpressions[4].values[0]: Invalid value: "-b": a valid label must be',
      '[0].preference.matchFields[0].operator: Invalid value: "Exists": not a valid selector operator',
      "[0].preference.matchFields[1].values: Required value: must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
      '[0].preference.matchFields[2].key: Invalid value: "metadata.uid": not a valid field selector key',
    ].map((text) =>
      expect.stringContaining(
        `spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution${text}`,
      ),
    ),
  ],
  [
    'pod affinity to nowhere',
    {
      affinity: {
        podAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 0, podAffinityTerm: { topologyKey: '', namespaces: ['A'], matchLabelKeys: ['b'] } },
          ],
        },
      },
    },
    [
      '.weight: Invalid value: 0: must be in the range 1-100',
      '.podAffinityTerm.namespace: Invalid value: "A": a lowercase RFC 1123 label',
      '.podAffinityTerm.topologyKey: Required value: can not be empty',
      '.podAffinityTerm.topologyKey: Invalid value: "": name part must be non-empty',
      `.podAffinityTerm.topologyKey: Invalid value: "": ${label}`,
      '.podAffinityTerm.matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
    ].map((text) =>
      expect.stringContaining(
        `spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]${text}`,
      ),
    ),
  ],
  [
    'spread of nothing over nothing, twice',
    {
      topologySpreadConstraints: [
        { maxSkew: 0, topologyKey: '', whenUnsatisfiable: 'Never', minDomains: 0 },
        { ...spread, labelSelector, matchLabelKeys: ['app'], nodeTaintsPolicy: 'Maybe' },
        spread,
      ],
    },
    [
      '[0].maxSkew: Invalid value: 0: must be greater than zero',
      '[0].topologyKey: Required value: can not be empty',
      '[0].whenUnsatisfiable: Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"',
      '[0].minDomains: Invalid value: 0: must be greater than zero',
      '[0].minDomains: Invalid value: 0: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not Never',
      '[1].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"',
      '[1].nodeTaintsPolicy: Unsupported value: "Maybe": supported values: "Honor", "Ignore"',
      '[1].matchLabelKeys[0]: Invalid value: "app": exists in both matchLabelKeys and labelSelector',
    ].map((text) => `spec.topologySpreadConstraints${text}`),
  ],
  [
    'gates and names',
    {
      schedulingGates: [{ name: 'a' }, { name: 'a' }],
      runtimeClassName: 'A',
      preemptionPolicy: 'Always',
      os: { name: 'plan9' },
    },
    [
      'spec.schedulingGates[1]: Duplicate value: "a"',
      expect.stringContaining('spec.runtimeClassName: Invalid value: "A": a lowercase RFC 1123 subdomain'),
      'spec.preemptionPolicy: Unsupported value: "Always": supported values: "Never", "PreemptLowerPriority"',
      'spec.os: Unsupported value: "plan9": supported values: "linux", "windows"',
    ],
  ],
])('%s', (_, spec, errors) => {
  expect(texts(validatePlacement('spec', { containers: [], ...spec }))).toEqual(errors);
});

type Source = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

test.each<[string, Source, unknown[]]>([
  ['a field', { fieldRef: { apiVersion: 'v1', fieldPath: 'status.podIPs' } }, []],
  ['a label', { fieldRef: { apiVersion: 'v1', fieldPath: "metadata.labels['a/b']" } }, []],
  ['a resource', { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } }, []],
  [
    'a field that does not fit into a line',
    { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.labels' } },
    [
      'e.valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
    ],
  ],
  [
    'a field that is not there',
    { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.whoops' } },
    [
      'e.valueFrom.fieldRef.fieldPath: Invalid value: "metadata.whoops": error converting fieldPath: field label not supported: metadata.whoops',
    ],
  ],
  [
    'a subscript where there is none',
    { fieldRef: { apiVersion: 'v1', fieldPath: "metadata.name['a']" } },
    ['e.valueFrom.fieldRef: Invalid value: "metadata.name": does not support subscript'],
  ],
  [
    'a resource in strange units',
    { resourceFieldRef: { resource: 'requests.cpu', divisor: '2' } },
    [
      'e.valueFrom.resourceFieldRef.divisor: Invalid value: "requests.cpu": only divisor\'s values 1m and 1 are supported with the cpu resource',
    ],
  ],
  [
    'no key of no map',
    { configMapKeyRef: { name: '', key: '' } },
    [
      expect.stringContaining('e.valueFrom.configMapKeyRef.name: Invalid value: ""'),
      'e.valueFrom.configMapKeyRef.key: Required value',
    ],
  ],
])('environment from %s', (_, valueFrom, errors) => {
  expect(texts(validateVariable('e', { name: 'A', valueFrom }))).toEqual(errors);
});
