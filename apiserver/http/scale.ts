import type { KubeObject } from '../../api/object.ts';
import type { ReplicaSet, Scale } from '../../api/types.ts';
import { invalid, missing } from '../registry/pipeline/failures.ts';
import type { Mutation, Ref } from '../registry/registry.ts';
import { admitScale } from './admission-parts.ts';
import { readObject } from './body.ts';
import { isApply } from './fields.ts';
import { type Call, methodNotAllowed, type Serving, warner, writingOf } from './objects.ts';
import { parseFieldValidation } from './query.ts';
import { readPatch } from './read-patch.ts';
import { sendJson } from './respond.ts';

/** The number of replicas behind one type for all kinds that have one. */
export async function serveScale(serving: Serving, call: Call): Promise<void> {
  const { resource } = call.target;
  const { name, namespace } = refOf(call);
  const type = { apiVersion: 'autoscaling/v1', kind: 'Scale', type: 'Scale' };
  const rules = serving.strategyOf(resource)?.custom;
  const custom = rules?.scale;
  const shown = (object: KubeObject) => (rules?.toStored ? rules.present(object) : object);
  const scaleIn = (object: KubeObject) => (custom?.read ?? scaleOf)(shown(object));
  const applies = call.verb === 'patch' && isApply(call);
  const setReplicas = (
    object: KubeObject & Pick<ReplicaSet, 'spec'>,
    wanted: KubeObject & Pick<Scale, 'spec'>,
  ) => {
    const replicas = wanted.spec?.replicas ?? 0;
    if (custom) custom.write(object, replicas);
    else object.spec = { ...object.spec, replicas } as NonNullable<ReplicaSet['spec']>;
  };
  let change: (scale: Scale, scaled: KubeObject) => KubeObject;
  if (call.verb === 'get') {
    const entry = serving.cache.get(resource, name, namespace);
    if (!entry) throw missing(resource, name);
    await rules?.prepare?.([entry.object]);
    return sendJson(call.response, 200, scaleIn(entry.object));
  }
  if (call.verb === 'update') {
    const wanted = await readObject(call.request, type, parseFieldValidation(call.query), warner(call));
    change = () => structuredClone(wanted);
  } else if (applies) {
    const { scaleApplication } = await import('./apply-scale.ts');
    change = await scaleApplication(call, serving.strategyOf(resource)?.custom);
  } else if (call.verb === 'patch') {
    change = await readPatch(call, type.type);
  } else throw methodNotAllowed();

  const mutate: Mutation = (current) => {
    if (!current) throw missing(resource, name);
    const wanted = change(scaleIn(current), current) as Scale;
    const replicas = wanted.spec?.replicas ?? 0;
    if (replicas < 0) {
      const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
      throw invalid({ ...resource, group: 'autoscaling', kind: 'Scale' }, name, [
        { reason: 'FieldValueInvalid', field: 'spec.replicas', message },
      ]);
    }
    const next = structuredClone(shown(current)) as ReplicaSet;
    setReplicas(next, { spec: { replicas } });
    const { resourceVersion, uid } = wanted.metadata ?? {};
    const { resourceVersion: _, ...metadata } = next.metadata ?? {};
    next.metadata = { ...metadata, ...(resourceVersion ? { resourceVersion } : {}), ...(uid ? { uid } : {}) };
    if (applies) next.metadata.managedFields = wanted.metadata?.managedFields ?? [];
    return next;
  };
  const write = await writingOf(call, `${call.verb === 'patch' ? 'Patch' : 'Update'}Options`);
  // Who owns what is part of what an apply makes.
  if (applies) write.manage = (_live, _next, sent) => sent;
  if (write.admission) write.admission = admitScale(write.admission, scaleIn, setReplicas);
  const { entry } = await serving.registry.update(resource, refOf(call), mutate, write);
  await rules?.prepare?.([entry.object]);
  sendJson(call.response, 200, scaleIn(entry.object));
}

const refOf = ({ target: { name = '', namespace } }: Call): Ref => ({
  name,
  ...(namespace ? { namespace } : {}),
});

function scaleOf(object: KubeObject): Scale {
  const { metadata = {}, spec, status } = object as ReplicaSet;
  const { name = '', namespace = '', uid = '', resourceVersion = '', creationTimestamp = '' } = metadata;
  const selector = selectorText(spec?.selector);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec?.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, ...(selector ? { selector } : {}) },
  };
}

/** A LabelSelector as the text of a query parameter. Upstream: `metav1.FormatLabelSelector`. */
function selectorText(selector: NonNullable<ReplicaSet['spec']>['selector'] | undefined): string {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  const words = { In: 'in', NotIn: 'notin' } as const;
  return [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values = [] }) => {
      if (operator === 'Exists') return key;
      if (operator === 'DoesNotExist') return `!${key}`;
      return `${key} ${words[operator as keyof typeof words] ?? operator} (${values.join(',')})`;
    }),
  ]
    .sort()
    .join(',');
}
