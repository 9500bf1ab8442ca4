import { resources } from '../../../../api/scheme.ts';
import type { Pod, PriorityClass } from '../../../../api/types.ts';
import { forbidden } from '../../pipeline/failures.ts';
import type { WriteContext } from '../../strategy.ts';
import { systemPriorityClasses } from './priority-class.ts';

/**
 * Gives a new pod the number of its PriorityClass, or of the default one. Upstream: `plugin/pkg/admission/priority`.
 *
 * @throws StatusError Forbidden for a class that is not there, or another number than the class has
 */
export function admitPriority({ metadata, spec }: Pod, { lookup }: WriteContext): void {
  if (!spec) return;
  const name = metadata?.name ?? '';
  const found = spec.priorityClassName ? lookUp(spec.priorityClassName) : globalDefault();
  if (spec.priorityClassName && !found) {
    throw forbidden(resources.pods, name, `no PriorityClass with name ${spec.priorityClassName} was found`);
  }
  if (found?.metadata?.name) spec.priorityClassName = found.metadata.name;
  const priority = found?.value ?? 0;
  if (spec.priority !== undefined && spec.priority !== priority) {
    const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`;
    throw forbidden(resources.pods, name, why);
  }
  const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
  if (spec.preemptionPolicy && spec.preemptionPolicy !== policy) {
    const why = `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`;
    throw forbidden(resources.pods, name, why);
  }
  spec.priority = priority;
  spec.preemptionPolicy = policy;

  function lookUp(wanted: string): PriorityClass | undefined {
    return (
      lookup.get(resources.priorityclasses, wanted) ??
      // Those of the system are known before they are written.
      systemPriorityClasses.find((one) => one.metadata?.name === wanted)
    );
  }

  /** The lowest, should there be several. */
  function globalDefault(): PriorityClass | undefined {
    const marked = [...lookup.list(resources.priorityclasses)].filter((one) => one.globalDefault);
    return marked.sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
  }
}
