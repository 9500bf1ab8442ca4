import type { KubeObject } from '../../api/object.ts';
import { resources } from '../../api/scheme.ts';
import type { Admission, AdmissionWrite } from '../registry/registry.ts';
import type { Attributes, Said } from './attributes.ts';
import type { Around } from './conditions.ts';

/** What a request says of itself, before anybody knows the object. */
export type Asked = Omit<Attributes, 'operation' | 'object' | 'old' | 'options'>;

/** Kinds that nobody is asked about, or nobody could undo what keeps everybody out. Upstream: `IsExemptAdmissionConfigurationResource`. */
const exempt: readonly string[] = [
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
];

const isExempt = ({ resource: { group, name } }: Asked) =>
  group === 'admissionregistration.k8s.io' && exempt.includes(name);

/**
 * Has those look at a request who are configured to: webhooks that mutate, then, once the object is what would be
 * stored, policies and webhooks that validate. Upstream: `admission/plugin/{webhook,policy}`.
 */
export function createAdmission(asked: Asked, options: object, around: Around, said: Said): Admission {
  if (isExempt(asked)) return { mutate: async () => undefined, validate: async () => undefined };
  const attributesOf = (write: AdmissionWrite): Attributes => {
    const { operation, name = asked.name, object, old } = write;
    const said = write.options ?? optionsOf(write, options);
    return {
      ...asked,
      ...{ operation, name },
      ...(asked.resource === resources.namespaces ? { namespace: name } : {}),
      ...(said ? { options: said } : {}),
      ...(object ? { object: typed(object, asked) } : {}),
      ...(old ? { old: typed(old, asked) } : {}),
    };
  };
  return {
    async mutate(write) {
      const { mutateByWebhooks } = await import('./webhooks/mutate.ts');
      return mutateByWebhooks(attributesOf(write), around, said);
    },
    async validate(write) {
      const attributes = attributesOf(write);
      if ([...around.lookup.list(resources.validatingadmissionpolicybindings)].length > 0) {
        const { validateByPolicies } = await import('./policies/validate.ts');
        await validateByPolicies(attributes, around, said);
      }
      const { validateByWebhooks } = await import('./webhooks/validate.ts');
      await validateByWebhooks(attributes, around, said);
    },
  };
}

const names = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' } as const;

/** A PATCH is a create or an update, and so are its options. */
function optionsOf({ operation }: AdmissionWrite, options: object): object | undefined {
  if (operation === 'CONNECT') return undefined;
  return { kind: names[operation], apiVersion: 'meta.k8s.io/v1', ...options };
}

/** Objects on their way through the apiserver need not say what they are. */
function typed(object: KubeObject, { kind: { group, version, kind } }: Asked): KubeObject {
  const { apiVersion: _, kind: __, ...rest } = object;
  return { kind, apiVersion: group ? `${group}/${version}` : version, ...rest };
}
