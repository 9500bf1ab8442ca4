import { resources } from '../../../api/scheme.ts';
import type { Cache } from '../../storage/cache.ts';
import { internalError } from '../pipeline/failures.ts';
import type { Registry } from '../registry.ts';
import { AllocationRaced } from './storage.ts';

/** Each time somebody else got what this one wanted. */
const attempts = 100;

/** A registry that chooses addresses and ports again when another apiserver was faster. */
export function withAnotherChoice(registry: Registry, cache: Cache): Registry {
  async function repeated<T>(attempt: () => Promise<T>): Promise<T> {
    for (let time = 1; ; time++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof AllocationRaced)) throw error;
        if (time === attempts) throw internalError(error.message);
        await cache.fresh();
      }
    }
  }
  return {
    ...registry,
    create(resource, object, namespace, request) {
      // Only Services are given something; the pipeline fills in what it is handed.
      if (resource !== resources.services) return registry.create(resource, object, namespace, request);
      return repeated(() => registry.create(resource, structuredClone(object), namespace, request));
    },
    update: (...parameters) => repeated(() => registry.update(...parameters)),
    delete: (...parameters) => repeated(() => registry.delete(...parameters)),
  };
}
