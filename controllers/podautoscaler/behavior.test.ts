import { expect, test } from 'vitest';
import type { V2HorizontalPodAutoscaler, V2HPAScalingRules } from '../../api/types.ts';
import { type History, normalize } from './behavior.ts';

const now = 10_000_000;
const autoscaler = (
  scaleUp?: V2HPAScalingRules,
  scaleDown?: V2HPAScalingRules,
): V2HorizontalPodAutoscaler => ({
  spec: {
    minReplicas: 1,
    maxReplicas: 50,
    scaleTargetRef: { kind: 'Deployment', name: 'web' },
    ...(scaleUp || scaleDown
      ? { behavior: { ...(scaleUp ? { scaleUp } : {}), ...(scaleDown ? { scaleDown } : {}) } }
      : {}),
  },
});
const rules = (type: string, value: number, more: Partial<V2HPAScalingRules> = {}): V2HPAScalingRules => ({
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [{ type, value, periodSeconds: 60 }],
  ...more,
});
const history = (recommended: [number, number][] = [], changed: [number, number][] = []): History => ({
  recommendations: recommended.map(([replicas, ago]) => ({ replicas, at: now - ago * 1000 })),
  changes: changed.map(([by, ago]) => ({ by, at: now - ago * 1000 })),
});

/** Current, recommended, history, what comes of it, why that is able and why it is limited. */
test.each<[string, V2HorizontalPodAutoscaler, number, number, History, number, string, string]>([
  ['as recommended', autoscaler(), 3, 5, history(), 5, 'ReadyForNewScale', 'DesiredWithinRange'],
  ['twice as many at most', autoscaler(), 5, 40, history(), 10, 'ReadyForNewScale', 'ScaleUpLimit'],
  ['four at least', autoscaler(), 1, 40, history(), 4, 'ReadyForNewScale', 'ScaleUpLimit'],
  ['the maximum', autoscaler(), 40, 60, history(), 50, 'ReadyForNewScale', 'TooManyReplicas'],
  ['the minimum', autoscaler(), 3, 0, history(), 1, 'ReadyForNewScale', 'TooFewReplicas'],
  [
    'not down for five minutes',
    autoscaler(),
    5,
    2,
    history([[5, 200]]),
    5,
    'ScaleDownStabilized',
    'DesiredWithinRange',
  ],
  ['then down', autoscaler(), 5, 2, history([[5, 301]]), 2, 'ReadyForNewScale', 'DesiredWithinRange'],
  [
    'so many pods a minute',
    autoscaler(rules('Pods', 3), rules('Pods', 3)),
    10,
    20,
    history(),
    13,
    'ReadyForNewScale',
    'ScaleUpLimit',
  ],
  [
    'less those that were added in this minute',
    autoscaler(rules('Pods', 3), rules('Pods', 3)),
    10,
    20,
    history(
      [],
      [
        [2, 30],
        [5, 90],
      ],
    ),
    11,
    'ReadyForNewScale',
    'ScaleUpLimit',
  ],
  [
    'so many percent, rounded up',
    autoscaler(rules('Percent', 25), rules('Percent', 25)),
    10,
    20,
    history(),
    13,
    'ReadyForNewScale',
    'ScaleUpLimit',
  ],
  [
    'so many percent less',
    autoscaler(rules('Percent', 25), rules('Percent', 25)),
    10,
    1,
    history(),
    7,
    'ReadyForNewScale',
    'ScaleDownLimit',
  ],
  [
    'never down',
    autoscaler(rules('Pods', 1), rules('Pods', 1, { selectPolicy: 'Disabled' })),
    10,
    1,
    history(),
    10,
    'ReadyForNewScale',
    'ScaleDownLimit',
  ],
  [
    'the least of the rules',
    autoscaler(
      rules('Pods', 9, {
        selectPolicy: 'Min',
        policies: [
          { type: 'Pods', value: 9, periodSeconds: 60 },
          { type: 'Percent', value: 10, periodSeconds: 60 },
        ],
      }),
      rules('Pods', 9),
    ),
    10,
    30,
    history(),
    11,
    'ReadyForNewScale',
    'ScaleUpLimit',
  ],
  [
    'not up before the window is over',
    autoscaler(rules('Pods', 50, { stabilizationWindowSeconds: 120 }), rules('Pods', 50)),
    5,
    12,
    history([
      [8, 60],
      [6, 150],
    ]),
    8,
    'ScaleUpStabilized',
    'DesiredWithinRange',
  ],
  [
    'nor down before its own',
    autoscaler(rules('Pods', 50), rules('Pods', 50, { stabilizationWindowSeconds: 120 })),
    9,
    2,
    history([
      [7, 60],
      [9, 150],
    ]),
    7,
    'ScaleDownStabilized',
    'DesiredWithinRange',
  ],
])('%s', (_, of, current, recommended, before, replicas, able, limited) => {
  const result = normalize(of, current, recommended, before, now);
  expect(result).toMatchObject({ replicas, able: { reason: able }, limited: { reason: limited } });
  expect(result.limited.status).toBe(limited === 'DesiredWithinRange' ? 'False' : 'True');
});
