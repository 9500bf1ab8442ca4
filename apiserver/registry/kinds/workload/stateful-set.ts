import { resources } from '../../../../api/scheme.ts';
import type { StatefulSet, StatefulSetSpec } from '../../../../api/types.ts';
import { statefulSetColumns } from '../../../table/columns/workloads.ts';
import type { FieldError, Strategy } from '../../strategy.ts';
import { forbidden, invalid, nonNegative, notSupported, required } from '../validation/field.ts';
import { isSameValue } from '../validation/same.ts';
import { isZero, validateAtMostAll, validateShare } from './share.ts';
import { setTemplateDefaults, validateWorkload } from './template.ts';

/** Upstream: `pkg/apis/apps/v1/defaults.go`, `pkg/apis/apps/validation/validation.go`. */
export const statefulSetStrategy: Strategy<StatefulSet> = {
  resource: resources.statefulsets,
  defaults({ spec }) {
    if (!spec) return;
    setTemplateDefaults(spec.template);
    spec.replicas ??= 1;
    spec.podManagementPolicy ||= 'OrderedReady';
    spec.revisionHistoryLimit ??= 10;
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate = { partition: 0, ...spec.updateStrategy.rollingUpdate };
    }
    spec.persistentVolumeClaimRetentionPolicy = {
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
      ...spec.persistentVolumeClaimRetentionPolicy,
    };
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion = 'v1';
      claim.kind = 'PersistentVolumeClaim';
      if (claim.spec) claim.spec.volumeMode ||= 'Filesystem';
      claim.status ??= { phase: 'Pending' };
    }
  },
  prepare(set, old) {
    set.status = old?.status ?? { replicas: 0 };
  },
  validate(set, old) {
    const spec: Partial<StatefulSetSpec> = set.spec ?? {};
    return [
      ...validateWorkload('StatefulSet', withClaims(spec), old && (old.spec ?? {})),
      ...validatePolicies(spec),
      ...validateRetention(spec),
      ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
      ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
      ...(old ? validateChange(spec, old.spec ?? {}) : []),
    ];
  },
  columns: statefulSetColumns,
};

/** Each pod gets a volume of the name of each claim, which its containers may mount. */
function withClaims(spec: Partial<StatefulSetSpec>): Partial<StatefulSetSpec> {
  const { template, volumeClaimTemplates = [] } = spec;
  if (!template?.spec || volumeClaimTemplates.length === 0) return spec;
  const names = volumeClaimTemplates.map(({ metadata }) => metadata?.name ?? '');
  const own = names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  const others = (template.spec.volumes ?? []).filter(({ name }) => !names.includes(name));
  return { ...spec, template: { ...template, spec: { ...template.spec, volumes: [...own, ...others] } } };
}

/** Upstream: `ValidatePersistentVolumeClaimRetentionPolicy`. */
function validateRetention({ persistentVolumeClaimRetentionPolicy: policy }: Partial<StatefulSetSpec>) {
  const supported = ['Retain', 'Delete'];
  return (['whenDeleted', 'whenScaled'] as const).flatMap((when) => {
    const value = policy?.[when] ?? '';
    if (!policy || supported.includes(value)) return [];
    return [notSupported(`spec.persistentVolumeClaimRetentionPolicy.${when}`, value, supported)];
  });
}

function validatePolicies({
  podManagementPolicy = '',
  updateStrategy,
}: Partial<StatefulSetSpec>): FieldError[] {
  const errors: FieldError[] = [];
  if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel') {
    const detail = "must be 'OrderedReady' or 'Parallel'";
    errors.push(invalid('spec.podManagementPolicy', podManagementPolicy, detail));
  }
  const { type = '', rollingUpdate } = updateStrategy ?? {};
  const path = 'spec.updateStrategy';
  if (type === 'OnDelete') {
    if (!rollingUpdate) return errors;
    const detail = 'only allowed for updateStrategy `RollingUpdate`';
    return [...errors, invalid(`${path}.rollingUpdate`, rollingUpdate, detail)];
  }
  if (type === '') return [...errors, required(path)];
  if (type !== 'RollingUpdate') {
    return [...errors, notSupported(`${path}.type`, type, ['RollingUpdate', 'OnDelete'])];
  }
  const { partition, maxUnavailable } = rollingUpdate ?? {};
  const field = `${path}.rollingUpdate.maxUnavailable`;
  errors.push(
    ...nonNegative(`${path}.rollingUpdate.partition`, partition),
    ...validateShare(field, maxUnavailable),
    ...validateAtMostAll(field, maxUnavailable),
  );
  if (maxUnavailable !== undefined && isZero(maxUnavailable)) {
    errors.push(invalid(field, maxUnavailable, 'cannot be 0'));
  }
  return errors;
}

const changeable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

function validateChange(spec: Partial<StatefulSetSpec>, before: Partial<StatefulSetSpec>): FieldError[] {
  const fixed = (of: Partial<StatefulSetSpec>) =>
    Object.fromEntries(Object.entries(of).filter(([field]) => !changeable.some((one) => one === field)));
  if (isSameValue(fixed(spec), fixed(before))) return [];
  const names = changeable.map((name) => `'${name}'`);
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return [forbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)];
}
