import { childShape } from './field-set.ts';
import { type Fields, isEmpty } from './fields.ts';
import type { Shape } from './shape.ts';

/**
 * A set of fields as the schema has it today: who owned parts of what has become atomic since owns it whole. What was
 * atomic and is not any more stays as it is. Upstream: structured-merge-diff `typed/reconcile_schema.go`.
 *
 * @returns the set itself where nothing changed
 */
export function reconcile(shape: Shape, fields: Fields): Fields {
  let changed = false;
  const out: Record<string, Fields> = {};
  for (const element in fields) {
    const node = fields[element] ?? {};
    const inner = element === '.' || isEmpty(node) ? undefined : childShape(shape, element);
    const reconciled = !inner ? node : isAtomic(inner) ? {} : reconcile(inner, node);
    changed ||= reconciled !== node;
    out[element] = reconciled;
  }
  return changed ? out : fields;
}

function isAtomic(shape: Shape): boolean {
  if (shape.form === 'list') return shape.relation === 'atomic';
  return (shape.form === 'struct' || shape.form === 'map') && shape.atomic;
}
