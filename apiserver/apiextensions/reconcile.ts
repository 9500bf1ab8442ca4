import { customResources, hasCondition } from '../../api/custom-resources.ts';
import { resources } from '../../api/scheme.ts';
import { hasReason } from '../../api/status.ts';
import type { CustomResourceDefinition } from '../../api/types.ts';
import type { Registry, Request } from '../registry/registry.ts';
import { setCondition } from './definition/conditions.ts';
import { decideNames } from './definition/names.ts';
import { createKind } from './kind.ts';
import { type CustomKind, type KindsOptions, storedRow } from './kinds.ts';
import { removeInstances } from './remove-instances.ts';

export interface Reconciling extends KindsOptions {
  registry: Registry;
  /** By name of the definition. */
  kinds: Map<string, CustomKind>;
  /** To be called when something in `kinds` is another. */
  changed(): void;
  signal: AbortSignal;
}

/** Who writes conditions and removes instances. */
export const apiserverRequest: Request = {
  user: { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] },
  dryRun: false,
  warn: () => undefined,
};

/**
 * Brings what is served to what one definition says: names, conditions, the kind itself, or its end. A kind is served
 * before anybody can see that it is Established. Upstream: `pkg/controller/status`, `establish`, `finalizer`.
 */
export async function reconcileDefinition(of: Reconciling, name: string): Promise<void> {
  const definition = current(of, name);
  if (!definition) return forget(of, name);
  if (definition.metadata?.deletionTimestamp) {
    await install(of, name, definition);
    removeInstances(of, name);
    return;
  }
  const others = of.cache
    .list(resources.customresourcedefinitions)
    .map(({ object }) => object as CustomResourceDefinition)
    .filter((one) => one.spec.group === definition.spec.group && one.metadata?.name !== name);
  const { acceptedNames, condition } = decideNames(definition, others);
  let next: CustomResourceDefinition = {
    ...definition,
    status: { ...definition.status, acceptedNames },
  };
  next = setCondition(next, condition, of.now());
  const accepted = condition.status === 'True';
  if (accepted || hasCondition(definition, 'Established')) {
    next = setCondition(next, established, of.now());
    await install(of, name, next);
  } else {
    next = setCondition(next, notAccepted, of.now());
  }
  if (JSON.stringify(next.status) === JSON.stringify(definition.status)) return;
  await writeStatus(of, name, () => next);
  if (JSON.stringify(acceptedNames) !== JSON.stringify(definition.status?.acceptedNames))
    await lookAgain(of, others, accepted);
}

const established = {
  type: 'Established',
  status: 'True',
  reason: 'InitialNamesAccepted',
  message: 'the initial names have been accepted',
};
const notAccepted = {
  type: 'Established',
  status: 'False',
  reason: 'NotAccepted',
  message: 'not all names are accepted',
};

export function current({ cache }: Pick<Reconciling, 'cache'>, name: string) {
  const entry = cache.get(resources.customresourcedefinitions, name);
  return entry?.object as CustomResourceDefinition | undefined;
}

/** Writes unless the definition has changed meanwhile, which is another reason to look at it. */
export async function writeStatus(
  { registry }: Pick<Reconciling, 'registry'>,
  name: string,
  change: (definition: CustomResourceDefinition) => CustomResourceDefinition,
): Promise<void> {
  try {
    await registry.update(
      resources.customresourcedefinitions,
      { name },
      (now) => structuredClone(change(now as CustomResourceDefinition)),
      apiserverRequest,
      { subresource: 'status' },
    );
  } catch (error) {
    if (!hasReason(error, 'Conflict') && !hasReason(error, 'NotFound')) throw error;
  }
}

async function install(of: Reconciling, name: string, definition: CustomResourceDefinition): Promise<void> {
  const known = of.kinds.get(name);
  const what = ({ spec, status, metadata }: CustomResourceDefinition) =>
    JSON.stringify([spec, status?.acceptedNames, Boolean(metadata?.deletionTimestamp)]);
  if (known && what(known.definition) === what(definition)) return;
  const stored = storedRow(definition);
  if (!stored) return;
  await of.cache.add(stored);
  of.kinds.set(name, await createKind(definition, customResources(definition), of.cache.lookup));
  of.changed();
  known?.end();
}

async function forget(of: Reconciling, name: string): Promise<void> {
  const known = of.kinds.get(name);
  if (known) {
    of.kinds.delete(name);
    of.changed();
    known.end();
    of.cache.drop(known.stored);
  }
  const group = name.slice(name.indexOf('.') + 1);
  const others = of.cache
    .list(resources.customresourcedefinitions)
    .map(({ object }) => object as CustomResourceDefinition)
    .filter(({ spec }) => spec.group === group);
  await lookAgain(of, others, false);
}

/** A name has become free: who waited for it may have it now. */
async function lookAgain(
  of: Reconciling,
  others: readonly CustomResourceDefinition[],
  alsoAccepted: boolean,
): Promise<void> {
  for (const other of others) {
    if (alsoAccepted || hasCondition(other, 'NamesAccepted')) continue;
    await reconcileDefinition(of, other.metadata?.name ?? '');
  }
}
