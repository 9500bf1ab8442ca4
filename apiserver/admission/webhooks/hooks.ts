import { resources } from '../../../api/scheme.ts';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../../api/types.ts';
import { forbidden } from '../../registry/pipeline/failures.ts';
import type { Lookup } from '../../registry/strategy.ts';
import type { Attributes, Invocation } from '../attributes.ts';
import { type Around, conditionsHold } from '../conditions.ts';
import { invocationOf } from '../match.ts';

export type Hook = MutatingWebhook | ValidatingWebhook;

/** A webhook and whose it is. */
export interface Configured<T extends Hook> {
  hook: T;
  configuration: string;
}

/** All that mutate, in the order in which they are called: by the name of their configuration, then as they stand there. */
export function mutatingHooks(lookup: Lookup): Configured<MutatingWebhook>[] {
  return hooksOf<MutatingWebhook>(
    lookup.list<MutatingWebhookConfiguration>(resources.mutatingwebhookconfigurations),
  );
}

export function validatingHooks(lookup: Lookup): Configured<ValidatingWebhook>[] {
  return hooksOf<ValidatingWebhook>(
    lookup.list<ValidatingWebhookConfiguration>(resources.validatingwebhookconfigurations),
  );
}

function hooksOf<T extends Hook>(
  configurations: Iterable<{ metadata?: { name?: string }; webhooks?: T[] }>,
): Configured<T>[] {
  return [...configurations]
    .map(({ metadata, webhooks = [] }) => ({ name: metadata?.name ?? '', webhooks }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name, webhooks }) => webhooks.map((hook) => ({ hook, configuration: name })));
}

/** As what a webhook is to be shown a request, or undefined where it is not to be called. @throws StatusError */
export async function invocation(
  hook: Hook,
  attributes: Attributes,
  around: Around,
): Promise<Invocation | undefined> {
  const criteria = { ...hook, rules: hook.rules ?? [] };
  const found = invocationOf(
    {
      rules: criteria.rules,
      namespaceSelector: hook.namespaceSelector,
      objectSelector: hook.objectSelector,
      matchPolicy: hook.matchPolicy,
    },
    attributes,
    around.equivalentsOf,
    around.lookup,
  );
  if (!found || !hook.matchConditions?.length) return found;
  const seen = await around.shown(attributes, found);
  const held = await conditionsHold(hook.matchConditions, seen, found, around);
  if (held.holds) return found;
  if (!held.error || hook.failurePolicy === 'Ignore') return undefined;
  throw forbidden(attributes.resource, attributes.name, held.error);
}
