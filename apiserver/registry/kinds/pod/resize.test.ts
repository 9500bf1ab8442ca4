import { expect, test } from 'vitest';
import type { Pod, ResourceRequirements } from '../../../../api/types.ts';
import { texts } from '../testing.ts';
import { resized, validateResize } from './resize.ts';

const amounts = (cpu: string, memory: string) => ({ cpu, memory });
const resources = { requests: amounts('100m', '64Mi'), limits: amounts('200m', '128Mi') };
const pod = (of: ResourceRequirements = resources, running?: { resources?: ResourceRequirements }): Pod => ({
  metadata: { name: 'p', namespace: 'default' },
  spec: {
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    containers: [
      {
        name: 'c',
        image: 'nginx',
        imagePullPolicy: 'Always',
        terminationMessagePolicy: 'File',
        resources: of,
      },
    ],
  },
  status: {
    qosClass: 'Burstable',
    ...(running
      ? {
          containerStatuses: [
            {
              name: 'c',
              image: 'nginx',
              imageID: '',
              ready: true,
              restartCount: 0,
              state: { running: {} },
              ...running,
            },
          ],
        }
      : {}),
  },
});

test.each<[string, Pod, Pod, string[]]>([
  ['more', pod(), pod({ ...resources, limits: amounts('300m', '256Mi') }), []],
  [
    'of a node that tells what there is',
    pod(resources, { resources }),
    pod({ ...resources, limits: amounts('300m', '128Mi') }),
    [],
  ],
  [
    'of a node that does not',
    pod(resources, {}),
    pod({ ...resources, limits: amounts('300m', '128Mi') }),
    ['spec: Forbidden: Pod running on node without support for resize'],
  ],
  [
    'to another class',
    pod(),
    pod({ requests: resources.limits, limits: resources.limits }),
    ['spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing'],
  ],
  [
    'less memory, and no limit',
    pod(),
    pod({ ...resources, limits: { memory: '64Mi' } }),
    [
      'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
      'spec.containers[0].resources.limits[memory]: Forbidden: memory limits cannot be decreased unless resizePolicy is RestartContainer',
    ],
  ],
  [
    'of something else',
    pod(),
    pod({ ...resources, limits: { ...resources.limits, 'ephemeral-storage': '1Gi' } }),
    ['spec.containers[0].resources: Forbidden: only cpu and memory resources are mutable'],
  ],
])('%s', (_, old, wanted, errors) => {
  expect(texts(validateResize(resized(old, wanted), old))).toEqual(errors);
});

test('changes nothing else', () => {
  const wanted = pod({ ...resources, limits: amounts('1', '1Gi') });
  const [container] = wanted.spec?.containers ?? [];
  if (container) container.image = 'other';
  expect(resized(pod(), wanted).spec?.containers[0]).toMatchObject({
    image: 'nginx',
    resources: { limits: { cpu: '1' } },
  });
});
