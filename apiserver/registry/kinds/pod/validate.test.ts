import { expect, test } from 'vitest';
import { resources } from '../../../../api/scheme.ts';
import type { Container, Pod, PodSpec } from '../../../../api/types.ts';
import { admit, strategyOf } from '../testing.ts';

const pod = (spec: Partial<PodSpec>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default' },
  spec: { automountServiceAccountToken: false, containers: [{ name: 'a', image: 'nginx' }], ...spec },
});
const withContainer = (container: Partial<Container>): Pod =>
  pod({ containers: [{ name: 'a', image: 'nginx', ...container }] });
const errorsOf = (object: Pod) => admit(strategyOf(resources.pods), object).errors;

test.each<[string, Pod, string]>([
  [
    'a sleep longer than the pod has',
    withContainer({ lifecycle: { preStop: { sleep: { seconds: 31 } } } }),
    'spec.containers[0].lifecycle.preStop.sleep',
  ],
  [
    'a grace period for readiness',
    withContainer({ readinessProbe: { tcpSocket: { port: 1 }, terminationGracePeriodSeconds: 1 } }),
    'spec.containers[0].readinessProbe.terminationGracePeriodSeconds',
  ],
  [
    'no grace for liveness',
    withContainer({ livenessProbe: { tcpSocket: { port: 1 }, terminationGracePeriodSeconds: 0 } }),
    'spec.containers[0].livenessProbe.terminationGracePeriodSeconds',
  ],
  [
    'a privileged container without escalation',
    withContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    'spec.containers[0].securityContext',
  ],
  ['a user below 0', pod({ securityContext: { runAsUser: -1 } }), 'spec.securityContext.runAsUser'],
  [
    'a sysctl twice',
    pod({
      securityContext: {
        sysctls: [
          { name: 'net.core.somaxconn', value: '1' },
          { name: 'net/core/somaxconn', value: '2' },
        ],
      },
    }),
    'spec.securityContext.sysctls[1].name',
  ],
  [
    'a sysctl that cannot be one',
    pod({ securityContext: { sysctls: [{ name: 'Net..x', value: '1' }] } }),
    'spec.securityContext.sysctls[0].name',
  ],
  [
    "another port than the node's with hostNetwork",
    pod({
      hostNetwork: true,
      containers: [{ name: 'a', image: 'nginx', ports: [{ containerPort: 80, hostPort: 81 }] }],
    }),
    'spec.containers[0].ports[0].containerPort',
  ],
  [
    'both kinds of subPath',
    pod({
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        {
          name: 'a',
          image: 'nginx',
          volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a', subPathExpr: '$(B)' }],
        },
      ],
    }),
    'spec.containers[0].volumeMounts[0].subPathExpr',
  ],
])('refuses %s', (_what, object, field) => {
  expect(errorsOf(object).map((error) => error.split(':')[0])).toEqual([field]);
});
