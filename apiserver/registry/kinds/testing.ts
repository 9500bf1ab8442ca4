import type { KubeObject } from '../../../api/object.ts';
import type { Resource } from '../../../api/scheme.ts';
import type { FieldError, Lookup, Strategy, WriteContext } from '../strategy.ts';
import { createStrategies } from './index.ts';

/** What is stored, for the rules of kinds in tests: a plain list. */
export function createLookup(stored: [Resource, KubeObject][]): Lookup {
  const list = <T extends KubeObject>(resource: Resource<T>, namespace?: string): T[] =>
    stored
      .filter(([of, { metadata }]) => of === resource && (!namespace || metadata?.namespace === namespace))
      .map(([, object]) => object as T);
  return {
    list,
    get: (resource, name, namespace) =>
      list(resource, namespace).find(({ metadata }) => metadata?.name === name),
  };
}

export function createContext(stored: [Resource, KubeObject][] = []): WriteContext & { warnings: string[] } {
  const warnings: string[] = [];
  return {
    lookup: createLookup(stored),
    user: { name: 'kubernetes-admin', groups: ['system:masters'] },
    dryRun: false,
    now: new Date('2025-01-01T00:00:00Z'),
    warn: (message) => void warnings.push(message),
    warnings,
  };
}

/** A fresh set of strategies with kubeadm's ranges. */
export function strategyOf<T extends KubeObject>(
  resource: Resource<T>,
  serviceCidrs = ['10.96.0.0/12'],
): Strategy<T> {
  const strategy = createStrategies({ serviceCidrs, serviceNodePortRange: '30000-32767' }).find(
    (one) => one.resource === resource,
  );
  if (!strategy) throw new Error(`no strategy of ${resource.name}`);
  return strategy as Strategy<T>;
}

/** What a create makes of `object`, up to the allocation: the object, and what is wrong with it. */
export function admit<T extends KubeObject>(
  strategy: Strategy<T>,
  object: T,
  old?: T,
): { object: T; errors: string[] } {
  const context = createContext();
  const copy = structuredClone(object);
  strategy.defaults?.(copy);
  strategy.prepare?.(copy, old, context);
  return { object: copy, errors: texts(strategy.validate?.(copy, old, context) ?? []) };
}

export function texts(errors: readonly FieldError[]): string[] {
  return errors.map(({ field, message }) => `${field}: ${message}`);
}
