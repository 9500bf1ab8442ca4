import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from '../../../api/types.ts';
import { timestamp } from '../../registry/pipeline/metadata.ts';

/** The definition with a condition; its time is another only when its status is. Upstream: `apihelpers.SetCRDCondition`. */
export function setCondition(
  definition: CustomResourceDefinition,
  condition: CustomResourceDefinitionCondition,
  now: Date,
): CustomResourceDefinition {
  const conditions = definition.status?.conditions ?? [];
  const known = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime =
    known?.status === condition.status && known.lastTransitionTime
      ? known.lastTransitionTime
      : timestamp(now);
  const { type, status, reason, message } = condition;
  const next = { lastTransitionTime, message, reason, status, type } as CustomResourceDefinitionCondition;
  return {
    ...definition,
    status: {
      ...definition.status,
      conditions: known ? conditions.map((one) => (one === known ? next : one)) : [...conditions, next],
    },
  };
}
