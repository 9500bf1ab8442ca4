import type { KubeObject } from '../../../api/object.ts';
import type { Resource } from '../../../api/scheme.ts';
import { customResourceDefinitionStrategy } from '../../apiextensions/definition/strategy.ts';
import type { NodeRestriction } from '../../auth/node/restriction.ts';
import type { Strategy } from '../strategy.ts';
import { found } from './found.ts';
import type { KindOptions } from './options.ts';
import { allResources } from './rows.ts';
import { validateMetadata } from './validation/metadata.ts';

/**
 * The rules of every kind that is served, those without any of their own included: `metadata` is checked
 * for all. What is allocated belongs to the returned strategies; make them once for a storage.
 */
export function createStrategies(options: KindOptions): Strategy[] {
  const own: Strategy[] = [
    customResourceDefinitionStrategy,
    ...found.map((one): Strategy => (typeof one === 'function' ? one(options) : one)),
  ];
  const byResource = new Map<Resource, Strategy>(own.map((strategy) => [strategy.resource, strategy]));
  return allResources.map((resource) =>
    withMetadata(byResource.get(resource) ?? { resource }, options.restriction),
  );
}

function withMetadata(strategy: Strategy, restriction: NodeRestriction | undefined): Strategy {
  return {
    ...strategy,
    validate(object: KubeObject, old, context) {
      restriction?.write(strategy.resource, object, old, context.user);
      return [
        ...validateMetadata(strategy.resource, object, old),
        ...(strategy.validate?.(object, old, context) ?? []),
      ];
    },
  };
}
