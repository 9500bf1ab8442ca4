import { resources } from '../../../../api/scheme.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from '../../../../api/types.ts';
import { podDisruptionBudgetColumns } from '../../../table/columns/workloads.ts';
import type { Strategy } from '../../strategy.ts';
import { invalid, notSupported } from '../validation/field.ts';
import { validateSelector } from '../validation/selectors.ts';
import { validateAtMostAll, validateShare } from './share.ts';

/** Upstream: `pkg/apis/policy/validation/validation.go`, `pkg/registry/policy/poddisruptionbudget/strategy.go`. */
export const podDisruptionBudgetStrategy: Strategy<PodDisruptionBudget> = {
  resource: resources.poddisruptionbudgets,
  prepare(budget, old) {
    budget.status = old?.status ?? {
      currentHealthy: 0,
      desiredHealthy: 0,
      disruptionsAllowed: 0,
      expectedPods: 0,
    };
  },
  validate({ spec }) {
    const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy }: PodDisruptionBudgetSpec =
      spec ?? {};
    const errors = [
      ...validateShare('spec.minAvailable', minAvailable),
      ...validateAtMostAll('spec.minAvailable', minAvailable),
      ...validateShare('spec.maxUnavailable', maxUnavailable),
      ...validateAtMostAll('spec.maxUnavailable', maxUnavailable),
      ...validateSelector('spec.selector', selector),
    ];
    if (minAvailable !== undefined && maxUnavailable !== undefined) {
      errors.unshift(invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
    }
    const policies = ['AlwaysAllow', 'IfHealthyBudget'];
    if (unhealthyPodEvictionPolicy && !policies.includes(unhealthyPodEvictionPolicy)) {
      errors.push(notSupported('spec.unhealthyPodEvictionPolicy', unhealthyPodEvictionPolicy, policies));
    }
    return errors;
  },
  columns: podDisruptionBudgetColumns,
};
