import { isDeepStrictEqual } from 'node:util';
import { resources } from '../../../../api/scheme.ts';
import type { DaemonSet, DaemonSetSpec } from '../../../../api/types.ts';
import { daemonSetColumns } from '../../../table/columns/workloads.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { invalid, nonNegative, notSupported, required } from '../validation/field.ts';
import { isZero, validateAtMostAll, validateShare } from './share.ts';
import { setTemplateDefaults, validateWorkload } from './template.ts';

/** Upstream: `pkg/apis/apps/v1/defaults.go`, `pkg/apis/apps/validation/validation.go`. */
export const daemonSetStrategy: Strategy<DaemonSet> = {
  resource: resources.daemonsets,
  defaults({ spec }) {
    if (!spec) return;
    setTemplateDefaults(spec.template);
    spec.revisionHistoryLimit ??= 10;
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate = {
        maxUnavailable: 1,
        maxSurge: 0,
        ...spec.updateStrategy.rollingUpdate,
      };
    }
  },
  prepare(set, old) {
    countTemplates(set, old);
    set.status = old?.status ?? {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
  },
  validate(set, old) {
    const spec: Partial<DaemonSetSpec> = set.spec ?? {};
    return [
      ...validateWorkload('DaemonSet', spec, old && (old.spec ?? {})),
      ...validateStrategy(spec),
      ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ];
  },
  columns: daemonSetColumns,
};

const generationAnnotation = 'deprecated.daemonset.template.generation';

/** How often the template changed, which pods have as a label. Upstream: `TemplateGeneration`, `pkg/registry/apps/daemonset/strategy.go`. */
function countTemplates(set: DaemonSet, old: DaemonSet | undefined): void {
  const said = (from: DaemonSet) =>
    Number.parseInt(from.metadata?.annotations?.[generationAnnotation] ?? '', 10) || 0;
  const changed = old && !isDeepStrictEqual(set.spec?.template, old.spec?.template);
  const generation = old ? said(old) + (changed ? 1 : 0) : Math.max(1, said(set));
  if (generation === 0) return;
  set.metadata = {
    ...set.metadata,
    annotations: { ...set.metadata?.annotations, [generationAnnotation]: String(generation) },
  };
}

function validateStrategy({ updateStrategy = {} }: Partial<DaemonSetSpec>): FieldError[] {
  const { type = '', rollingUpdate } = updateStrategy;
  const path = 'spec.updateStrategy';
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') {
    return [notSupported(`${path}.type`, type, ['RollingUpdate', 'OnDelete'])];
  }
  if (!rollingUpdate) return [required(`${path}.rollingUpdate`)];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = (['maxUnavailable', 'maxSurge'] as const).flatMap((name) => [
    ...validateShare(`${path}.rollingUpdate.${name}`, rollingUpdate[name]),
    ...validateAtMostAll(`${path}.rollingUpdate.${name}`, rollingUpdate[name]),
  ]);
  if (!isZero(maxUnavailable) && !isZero(maxSurge)) {
    const detail = 'may not be set when maxUnavailable is non-zero';
    errors.push(invalid(`${path}.rollingUpdate.maxSurge`, maxSurge, detail));
  } else if (isZero(maxUnavailable) && isZero(maxSurge)) {
    errors.push(required(`${path}.rollingUpdate.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  }
  return errors;
}
