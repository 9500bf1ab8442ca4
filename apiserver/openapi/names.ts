import { allResources, servedResources } from '../registry/kinds/rows.ts';
import { modelOf } from '../schema/schema.ts';

/** What all groups share. */
const meta =
  /^(ObjectMeta|ListMeta|OwnerReference|ManagedFieldsEntry|LabelSelector|LabelSelectorRequirement|Condition|DeleteOptions|Preconditions|Status|StatusDetails|StatusCause|API(Group|Resource|Versions).*|GroupVersionForDiscovery|ServerAddressByClientCIDR)$/;

/** What no kind is made of, or none of its own group. */
const parts: Readonly<Record<string, string>> = {
  Binding: 'io.k8s.api.core.v1',
  Eviction: 'io.k8s.api.policy.v1',
  Scale: 'io.k8s.api.autoscaling.v1',
  ScaleSpec: 'io.k8s.api.autoscaling.v1',
  ScaleStatus: 'io.k8s.api.autoscaling.v1',
  TopologySelectorLabelRequirement: 'io.k8s.api.core.v1',
  TopologySelectorTerm: 'io.k8s.api.core.v1',
};

/** Groups that upstream keeps elsewhere than in `k8s.io/api`. */
const elsewhere: Readonly<Record<string, string>> = {
  'apiextensions.k8s.io': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  'apiregistration.k8s.io': 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
};

/**
 * `Pod` → `io.k8s.api.core.v1.Pod`: the name of a model's schema in an OpenAPI document, which is in the package of the
 * kinds that are made of it. Those of custom kinds have one already: `com.example.v1.Widget`.
 */
export function schemaName(model: string): string {
  if (model.includes('.')) return model;
  if (meta.test(model)) return `io.k8s.apimachinery.pkg.apis.meta.v1.${model}`;
  homes ??= findHomes();
  const home = parts[model] ?? homes.get(model) ?? 'io.k8s.api.core.v1';
  return `${home}.${ownName(model, home)}`;
}

let homes: ReadonlyMap<string, string> | undefined;

/** The package of each model: that of the first kind that reaches it, those of the core group before all others. */
function findHomes(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const rows = servedResources.map(({ served }) => served);
  const inOrder = [...allResources.filter(({ group }) => group === ''), ...rows];
  for (const { group, version, type } of inOrder) {
    const home = `${elsewhere[group] ?? `io.k8s.api.${group.split('.')[0] || 'core'}`}.${version}`;
    const pending = [type];
    for (let model = pending.pop(); model !== undefined; model = pending.pop()) {
      if (found.has(model) || meta.test(model)) continue;
      const { fields } = modelOf(model) ?? {};
      if (!fields) continue;
      found.set(model, home);
      pending.push(...Object.values(fields).map((field) => field.replace(/^(\[\]|\{\})+/, '')));
    }
  }
  return found;
}

/** Some were made unique in `api/schema.json` by their group or version in front: `RbacSubject`, `V2MetricSpec`. */
function ownName(model: string, home: string): string {
  const name = model.replace(/^V\d+(?=[A-Z])/, '');
  const group = home.split('.').at(-2) ?? '';
  const prefix = group.charAt(0).toUpperCase() + group.slice(1);
  const isUnique =
    name !== 'StorageClass' && name.startsWith(prefix) && /^[A-Z]/.test(name.slice(prefix.length));
  return isUnique ? name.slice(prefix.length) : name;
}
