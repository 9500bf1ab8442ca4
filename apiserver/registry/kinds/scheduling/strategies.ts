import type { Strategy } from '../../strategy.ts';
import { horizontalPodAutoscalerStrategy } from './horizontal-pod-autoscaler.ts';
import { priorityClassStrategy } from './priority-class.ts';
import { runtimeClassStrategy } from './runtime-class.ts';

export const schedulingStrategies: readonly Strategy[] = [
  horizontalPodAutoscalerStrategy,
  priorityClassStrategy,
  runtimeClassStrategy,
];
