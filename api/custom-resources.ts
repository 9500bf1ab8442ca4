import type { Resource } from './scheme.ts';
import type { CustomResourceDefinition } from './types.ts';

/**
 * The rows of the kind that a CustomResourceDefinition describes, by version: under the names that were accepted,
 * whether a version is served or not.
 */
export function customResources({ spec, status }: CustomResourceDefinition): Map<string, Resource> {
  const { plural, singular, kind, listKind, shortNames, categories } = status?.acceptedNames ?? spec.names;
  const stored = spec.versions.find(({ storage }) => storage)?.name ?? '';
  const rows = new Map<string, Resource>();
  const add = (name: string, of?: Resource) => {
    const version = spec.versions.find((one) => one.name === name);
    const deprecation = version?.deprecationWarning ?? `${spec.group}/${name} ${kind} is deprecated`;
    const made: Resource = {
      group: spec.group,
      version: name,
      name: plural,
      singular: singular ?? '',
      kind,
      type: [...spec.group.split('.').reverse(), name, kind].join('.'),
      namespaced: spec.scope === 'Namespaced',
      ...(listKind && listKind !== `${kind}List` ? { listKind } : {}),
      ...(shortNames?.length ? { shortNames } : {}),
      ...(categories?.length ? { categories } : {}),
      ...(version?.subresources?.status ? { status: true } : {}),
      ...(version?.subresources?.scale ? { scale: true } : {}),
      ...(version?.deprecated ? { deprecation } : {}),
      get stored() {
        return of ?? made;
      },
    };
    rows.set(name, made);
    return made;
  };
  const first = add(stored);
  for (const { name } of spec.versions) if (name !== stored) add(name, first);
  return rows;
}

/** Whether a CustomResourceDefinition has a condition. */
export function hasCondition({ status }: CustomResourceDefinition, type: string): boolean {
  return status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;
}
