import { resources } from '../../api/scheme.ts';
import { type Asked, createAdmission } from '../admission/admission.ts';
import { type AroundOptions, createAround } from '../admission/around.ts';
import type { Around } from '../admission/conditions.ts';
import type { Admission } from '../registry/registry.ts';
import { kindOf } from './admission-parts.ts';
import type { Call } from './objects.ts';
import { parseDryRun } from './query.ts';
import { addWarning } from './respond.ts';

/** Those who are asked about the requests of one apiserver. */
export type Admit = (call: Call) => Admission;

/** Loaded when a webhook or policy is configured: see `admission/README.md`. */
export function createAdmit(
  options: AroundOptions & { annotate(call: Call, key: string, value: string): void },
): Admit {
  const around: Around = createAround(options);
  return (call) =>
    createAdmission(askedOf(call), optionsOf(call), around, {
      warn: (message) => addWarning(call.response, message),
      annotate: (key, value) => options.annotate(call, key, value),
    });
}

function askedOf({ target, user, query }: Call): Asked {
  const { resource: stored, as = stored, subresource = '', name = '', namespace = '' } = target;
  return {
    resource: as,
    subresource,
    kind: kindOf(as, subresource),
    ...{ name, user, namespace: as === resources.namespaces ? name : namespace },
    dryRun: parseDryRun(query.getAll('dryRun')),
  };
}

function optionsOf({ query }: Call): object {
  const text = (name: string) => {
    const value = query.get(name);
    return value ? { [name]: value } : {};
  };
  const dryRun = query.getAll('dryRun');
  return {
    ...text('fieldManager'),
    ...text('fieldValidation'),
    ...(dryRun.length > 0 ? { dryRun } : {}),
  };
}
