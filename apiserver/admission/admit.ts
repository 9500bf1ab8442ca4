import type { Admit } from '../http/admission.ts';
import { isConnect } from '../http/admission-parts.ts';
import type { Call } from '../http/objects.ts';
import type { Admission } from '../registry/registry.ts';
import type { AroundOptions } from './around.ts';
import { isConfigured } from './configured.ts';

const reading: readonly string[] = ['get', 'list', 'watch'];

/**
 * Who is to be asked about a request. Where no webhook or policy is configured that is a look at lists that are empty;
 * what else it takes is loaded with the first request that somebody is to be asked about.
 */
export function followAdmission(
  options: AroundOptions & { annotate(call: Call, key: string, value: string): void },
): (call: Call) => Promise<Admission> | undefined {
  let loaded: Promise<Admit> | undefined;
  return (call) => {
    if (reading.includes(call.verb) && !isConnect(call.target)) return undefined;
    if (!isConfigured(options.cache)) return undefined;
    loaded ??= import('../http/admission.ts').then(({ createAdmit }) => createAdmit(options));
    return loaded.then((admit) => admit(call));
  };
}
